//! A ZIP archive of pictures. It may be a bomb: no more is unpacked of a file than is looked at.

use std::{fs::File, io::Read};

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder,
};

/// An archive, and where its files lie in it.
pub(super) struct Archive {
    archive: ZipArchive<FileReader>,
    /// In the order of their names.
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

impl Archive {
    /// Lists the files of an archive; hidden ones are passed over.
    ///
    /// # Errors
    /// It is none, or damaged.
    pub(super) fn open(file: File) -> Result<Self, rawzip::Error> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer)?;
        let mut entries = Vec::new();
        let mut listed = archive.entries(&mut buffer);
        while let Some(entry) = listed.next_entry()? {
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            if !entry.is_dir() && !is_hidden(&name) {
                entries.push(Entry {
                    name,
                    place: entry.wayfinder(),
                    method: entry.compression_method(),
                });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { archive, entries })
    }

    /// The files' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Unpacks a file of up to `most` bytes; of a larger one a byte more, so that it shows.
    ///
    /// # Errors
    /// It is damaged, or packed or encrypted in a way that is not known here.
    pub(super) fn read(&self, file: usize, most: u64) -> Result<Vec<u8>, String> {
        let Entry { place, method, .. } = &self.entries[file];
        let entry = self.archive.get_entry(*place);
        let entry = entry.map_err(|error| error.to_string())?;
        let reader = entry.reader();
        match *method {
            CompressionMethod::STORE => unpack(entry.verifying_reader(reader), most),
            CompressionMethod::DEFLATE => {
                unpack(entry.verifying_reader(DeflateDecoder::new(reader)), most)
            }
            other => Err(format!("files packed by method {other:?} are not read")),
        }
    }
}

fn unpack(reader: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What systems add to archives, beside files whose names begin with a dot.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.')) || name.starts_with("__MACOSX/")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};
    use rawzip::ZipArchiveWriter;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Archive {
        let mut bytes = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut bytes);
        for (name, content) in files {
            let entry = archive.new_file(name);
            let (mut entry, config) = entry
                .compression_method(CompressionMethod::DEFLATE)
                .start()
                .unwrap();
            let encoder = DeflateEncoder::new(&mut entry, Compression::default());
            let mut writer = config.wrap(encoder);
            writer.write_all(content).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        Archive::open(file).unwrap()
    }

    #[test]
    fn files_are_listed_by_name_and_unpacked() {
        let files: [(&str, &[u8]); 4] = [
            ("b/two.png", b"2"),
            ("a.png", b"1"),
            ("__MACOSX/a.png", b"no"),
            (".hidden", b"no"),
        ];
        let archive = archive(&files);
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a.png", "b/two.png"]);
        assert_eq!(archive.read(1, 100).unwrap(), b"2");
    }

    #[test]
    fn no_more_is_unpacked_of_a_bomb_than_is_looked_at() {
        let archive = archive(&[("bomb.png", &vec![0; 1 << 20])]);
        assert_eq!(archive.read(0, 1000).unwrap().len(), 1001);
    }
}
