//! Pictures on the operator's disk: a folder, a ZIP archive or an IDX file. Which of them are pictures
//! at all, whoever labels them finds out.

use std::{
    fs::{self, File},
    io::{self, Cursor, Read, Seek},
    path::{Path, PathBuf},
};

use image::{ImageEncoder, codecs::png::PngEncoder};
use tabsweep_dataset::{IdxError, IdxFile, Images, idx};
use tabsweep_picture::Limits;
use walkdir::WalkDir;

use super::archive::Archive;

/// Why there are no pictures to be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It is named like an archive and is none.
    #[error("{path} is no ZIP archive: {reason}")]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is neither a folder nor an archive, nor images in the IDX format.
    #[error("{path} is no folder, ZIP archive or IDX file: {source}")]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IdxError,
    },
}

/// Pictures, one after another, each with its name.
pub struct Pictures {
    names: Vec<String>,
    source: Source,
}

enum Source {
    Folder(PathBuf),
    Archive(Archive),
    Idx(Images),
}

impl Pictures {
    /// The pictures in `path`, in the order of their names. Hidden files are passed over.
    ///
    /// # Errors
    /// There is nothing there that could hold pictures.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let file_error = |source| SourceError::File {
            path: path.to_owned(),
            source,
        };
        if fs::metadata(path).map_err(file_error)?.is_dir() {
            return folder(path).map_err(file_error);
        }
        let mut begin = Vec::new();
        let mut file = File::open(path).map_err(file_error)?;
        (&mut file)
            .take(4)
            .read_to_end(&mut begin)
            .map_err(file_error)?;
        if begin.starts_with(b"PK") {
            file.rewind().map_err(file_error)?;
            return archive(path, file);
        }
        let bytes = fs::read(path).map_err(file_error)?;
        images(path, &bytes)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// A picture's name.
    pub fn name(&self, picture: usize) -> &str {
        &self.names[picture]
    }

    /// The pictures' bytes in their order, each with its place, or why they can't be had: read while
    /// `take` takes them.
    ///
    /// # Errors
    /// The first that `take` has.
    pub fn read_all<E>(
        &self,
        mut take: impl FnMut(usize, Result<Vec<u8>, String>) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.source {
            Source::Folder(folder) => {
                for (picture, name) in self.names.iter().enumerate() {
                    take(picture, read_file(&folder.join(name)))?;
                }
            }
            Source::Archive(archive) => {
                for picture in 0..self.names.len() {
                    take(picture, read_entry(archive, picture))?;
                }
            }
            Source::Idx(images) => {
                for picture in 0..images.count() {
                    take(picture, png(images, picture))?;
                }
            }
        }
        Ok(())
    }
}

fn folder(path: &Path) -> Result<Pictures, io::Error> {
    let mut names = Vec::new();
    let walk = WalkDir::new(path).sort_by_file_name().into_iter();
    let is_shown = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
    for entry in walk.filter_entry(is_shown) {
        let entry = entry?;
        if entry.file_type().is_file()
            && let Ok(name) = entry.path().strip_prefix(path)
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(Pictures {
        names,
        source: Source::Folder(path.to_owned()),
    })
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

fn archive(path: &Path, file: File) -> Result<Pictures, SourceError> {
    let archive = Archive::open(file).map_err(|error| SourceError::Archive {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Pictures {
        names: archive.names().map(str::to_owned).collect(),
        source: Source::Archive(archive),
    })
}

fn images(path: &Path, bytes: &[u8]) -> Result<Pictures, SourceError> {
    let no_idx = |source| SourceError::Idx {
        path: path.to_owned(),
        source,
    };
    // Which of the four files it is only matters to errors.
    let kind = IdxFile::TestImages;
    let unpacked = kind.unpack(bytes).map_err(no_idx)?;
    let images = idx::parse_images(kind, &unpacked).map_err(no_idx)?;
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let names = (0..images.count()).map(|number| format!("{stem}/{number:05}"));
    Ok(Pictures {
        names: names.collect(),
        source: Source::Idx(images),
    })
}

fn too_large(bytes: u64) -> String {
    let most = Limits::default().bytes;
    format!("the file has {bytes} bytes, at most {most} are looked at")
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > Limits::default().bytes as u64 {
        return Err(too_large(bytes));
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn read_entry(archive: &Archive, file: usize) -> Result<Vec<u8>, String> {
    let most = Limits::default().bytes;
    let bytes = archive.read(file, most as u64)?;
    if bytes.len() > most {
        return Err(format!(
            "it unpacks to more than the {most} bytes that are looked at"
        ));
    }
    Ok(bytes)
}

fn png(images: &Images, picture: usize) -> Result<Vec<u8>, String> {
    let pixels = images.image(picture).ok_or("there is no such image")?;
    let (width, height) = (images.width() as u32, images.height() as u32);
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, image::ExtendedColorType::L8)
        .map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pictures: &Pictures) -> Vec<(String, Result<Vec<u8>, String>)> {
        let mut all = Vec::new();
        let read: Result<(), ()> = pictures.read_all(|picture, bytes| {
            all.push((pictures.name(picture).to_owned(), bytes));
            Ok(())
        });
        read.unwrap();
        all
    }

    #[test]
    fn folders_are_walked_in_the_order_of_names_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for (name, text) in [
            ("c.png", "3"),
            ("b/x.png", "2"),
            (".hidden", "0"),
            ("a.txt", "1"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let found = read(&Pictures::open(folder.path()).unwrap());
        let expected = [("a.txt", "1"), ("b/x.png", "2"), ("c.png", "3")];
        let expected = expected.map(|(name, text)| (name.to_owned(), Ok(text.into())));
        assert_eq!(found, expected);
    }

    #[test]
    fn idx_images_become_pictures_of_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..2 * 28 * 28).map(|at| (at % 251) as u8).collect();
        let images = Images::new(28, 28, pixels.clone()).unwrap();
        let path = folder.path().join("digits-idx3-ubyte");
        fs::write(&path, idx::write_images(&images)).unwrap();
        let found = read(&Pictures::open(&path).unwrap());
        assert_eq!(found[1].0, "digits-idx3-ubyte/00001");
        let picture = tabsweep_picture::decode(found[1].1.as_ref().unwrap(), &Limits::default());
        assert_eq!(picture.unwrap().grey(), pixels[28 * 28..]);
    }

    #[test]
    fn what_holds_no_pictures_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "nothing").unwrap();
        let error = Pictures::open(&path).err().unwrap().to_string();
        assert!(
            error.contains("notes.txt is no folder, ZIP archive or IDX file"),
            "{error}"
        );
        fs::write(&path, "PK, but no archive").unwrap();
        let error = Pictures::open(&path).err().unwrap().to_string();
        assert!(error.contains("is no ZIP archive"), "{error}");
    }
}
