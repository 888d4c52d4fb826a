//! Decides which way up a picture is: by the one entry of EXIF that says so. All else in there is not
//! looked at.

/// EXIF's tag for the orientation (Exif 2.3, table 4).
const TAG: u16 = 0x0112;
/// Bytes of an entry of a directory.
const ENTRY: usize = 12;

/// How a picture was laid down, 1 to 8 as EXIF numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

/// As it is.
impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// What a chunk of EXIF says; as it is where the chunk says nothing that can be read.
    pub(crate) fn of_exif(chunk: &[u8]) -> Self {
        // Some writers keep JPEG's own mark in front.
        let chunk = chunk.strip_prefix(b"Exif\0\0").unwrap_or(chunk);
        let number = Directory::first(chunk).and_then(|directory| directory.short(TAG));
        match number {
            Some(number @ 1..=8) => Self(number as u8),
            _ => Self::default(),
        }
    }

    /// Whether rows become columns.
    fn lies(self) -> bool {
        self.0 >= 5
    }

    /// Width and height once it is upright.
    pub(crate) fn upright_size(self, width: usize, height: usize) -> (usize, usize) {
        if self.lies() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Column and row of the pixel that comes to lie at `x`, `y`.
    pub(crate) fn source(self, x: usize, y: usize, size: (usize, usize)) -> (usize, usize) {
        let (last_column, last_row) = (size.0 - 1, size.1 - 1);
        let (column, row) = if self.lies() { (y, x) } else { (x, y) };
        let (is_mirrored, is_flipped) = match self.0 {
            2 | 8 => (true, false),
            3 | 7 => (true, true),
            4 | 6 => (false, true),
            _ => (false, false),
        };
        (
            if is_mirrored {
                last_column - column
            } else {
                column
            },
            if is_flipped { last_row - row } else { row },
        )
    }
}

/// The first directory of a TIFF, in which EXIF keeps what it says of the whole picture.
struct Directory<'a> {
    entries: &'a [u8],
    is_little_endian: bool,
}

impl<'a> Directory<'a> {
    fn first(tiff: &'a [u8]) -> Option<Self> {
        let is_little_endian = match tiff.get(..4)? {
            b"II\x2a\0" => true,
            b"MM\0\x2a" => false,
            _ => return None,
        };
        let mut directory = Self {
            entries: &[],
            is_little_endian,
        };
        let at = tiff.get(4..8)?.try_into().ok()?;
        let at = if is_little_endian {
            u32::from_le_bytes(at)
        } else {
            u32::from_be_bytes(at)
        };
        let rest = tiff.get(at as usize..)?;
        let count = usize::from(directory.number(rest)?);
        directory.entries = rest.get(2..)?;
        directory.entries = directory.entries.get(..count * ENTRY)?;
        Some(directory)
    }

    fn number(&self, bytes: &[u8]) -> Option<u16> {
        let bytes = bytes.get(..2)?.try_into().ok()?;
        Some(if self.is_little_endian {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    /// The value of an entry that is a short.
    fn short(&self, tag: u16) -> Option<u16> {
        const SHORT: u16 = 3;
        let mut entries = self.entries.chunks_exact(ENTRY);
        let entry = entries.find(|entry| self.number(entry) == Some(tag))?;
        let is_short = self.number(&entry[2..]) == Some(SHORT);
        self.number(&entry[8..]).filter(|_| is_short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(number: u8) -> Vec<u8> {
        let mut chunk = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        chunk.extend([number, 0, 0]);
        chunk
    }

    #[test]
    fn each_way_to_hold_a_camera_is_put_right() {
        // Two columns, three rows:  a b / c d / e f
        let pixels = ["ab", "cd", "ef"].map(str::as_bytes);
        let expected = [
            "ab/cd/ef", "ba/dc/fe", "fe/dc/ba", "ef/cd/ab", "ace/bdf", "eca/fdb", "fdb/eca",
            "bdf/ace",
        ];
        for (number, expected) in (1..).zip(expected) {
            let orientation = Orientation::of_exif(&chunk(number));
            let (width, height) = orientation.upright_size(2, 3);
            let row = |y: usize| -> String {
                let pixel = |x| {
                    let (column, row) = orientation.source(x, y, (2, 3));
                    char::from(pixels[row][column])
                };
                (0..width).map(pixel).collect()
            };
            let rows: Vec<String> = (0..height).map(row).collect();
            assert_eq!(rows.join("/"), expected, "orientation {number}");
        }
    }

    #[test]
    fn what_cant_be_read_says_nothing() {
        let whole = chunk(6);
        for length in 0..whole.len() - 3 {
            assert_eq!(
                Orientation::of_exif(&whole[..length]),
                Orientation::default()
            );
        }
        for number in [0, 9, 255] {
            assert_eq!(Orientation::of_exif(&chunk(number)), Orientation::default());
        }
        let mut far = whole;
        far[4] = 255;
        assert_eq!(Orientation::of_exif(&far), Orientation::default());
    }
}
