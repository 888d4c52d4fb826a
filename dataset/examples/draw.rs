//! Draws synthetic digits and writes them as the four IDX files: `draw FOLDER [SEED [TRAIN [TEST]]]`.
//! For looking at them, and for training other programs on them.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use tabsweep_dataset::idx::{IdxFile, write_images, write_labels};
use tabsweep_dataset::{Labelled, SyntheticDigits};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder")?);
    let mut digits = SyntheticDigits::default();
    if let Some(seed) = arguments.next() {
        digits.seed = seed.parse()?;
    }
    if let Some(train) = arguments.next() {
        digits.train = train.parse()?;
    }
    if let Some(test) = arguments.next() {
        digits.test = test.parse()?;
    }
    let set = digits.draw()?;
    fs::create_dir_all(&folder)?;
    let write = |images: IdxFile, labels: IdxFile, part: &Labelled| {
        fs::write(folder.join(images.name()), write_images(part.images()))?;
        fs::write(folder.join(labels.name()), write_labels(part.labels()))
    };
    write(IdxFile::TrainImages, IdxFile::TrainLabels, set.train())?;
    write(IdxFile::TestImages, IdxFile::TestLabels, set.test())?;
    Ok(())
}
