//! Pictures of each format are what `pictures.py` drew, and bytes that are no picture are named.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use tabsweep_picture::{DecodeError, Format, Limits, Picture, decode};

const WIDTH: usize = 33;
const HEIGHT: usize = 21;

macro_rules! file {
    ($name:literal) => {
        &include_bytes!(concat!("pictures/", $name))[..]
    };
}

/// What `pictures.py` drew.
fn ramp(x: usize, y: usize) -> [u8; 3] {
    [7 * x, 12 * y, 255 - 3 * (x + y)].map(|value| value as u8)
}

fn drawn() -> Picture {
    let pixels = (0..WIDTH * HEIGHT).flat_map(|at| ramp(at % WIDTH, at / WIDTH));
    Picture::new(WIDTH, HEIGHT, pixels.collect())
}

fn read(bytes: &[u8]) -> Picture {
    decode(bytes, &Limits::default()).unwrap()
}

/// Largest and mean difference of a byte.
fn difference(found: &Picture, expected: &Picture) -> (u8, f64) {
    assert_eq!(
        (found.width(), found.height()),
        (expected.width(), expected.height())
    );
    let pairs = found.pixels().iter().zip(expected.pixels());
    let apart: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = apart.iter().copied().map(f64::from).sum();
    (
        apart.iter().copied().max().unwrap(),
        sum / apart.len() as f64,
    )
}

/// Quarter turn to the right, as EXIF's orientation 6 asks for.
fn turned(picture: &Picture) -> Picture {
    let (width, height) = (picture.height(), picture.width());
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let at = |x: usize, y: usize| pixels[(picture.height() - 1 - x) * picture.width() + y];
    let all = (0..width * height).flat_map(|index| at(index % width, index / width));
    Picture::new(width, height, all.collect())
}

#[test]
fn what_loses_nothing_is_the_same_to_the_byte() {
    for bytes in [file!("rgb.png"), file!("rgb.bmp"), file!("lossless.webp")] {
        assert_eq!(read(bytes), drawn());
    }
}

#[test]
fn what_loses_something_is_close() {
    for bytes in [
        file!("baseline.jpg"),
        file!("progressive.jpg"),
        file!("lossy.webp"),
    ] {
        let (largest, mean) = difference(&read(bytes), &drawn());
        assert!(largest <= 24 && mean < 4.0, "{largest}, {mean}");
    }
    let (_, mean) = difference(&read(file!("palette.png")), &drawn());
    assert!(mean < 24.0, "{mean}");
}

#[test]
fn how_a_jpeg_was_scanned_changes_nothing() {
    assert_eq!(read(file!("baseline.jpg")), read(file!("progressive.jpg")));
}

#[test]
fn a_camera_held_upright_turns_its_pictures() {
    let straight = read(file!("baseline.jpg"));
    assert_eq!(read(file!("turned.jpg")), turned(&straight));
    assert_eq!(read(file!("turned.png")), turned(&drawn()));
}

#[test]
fn grey_has_three_equal_channels() {
    let picture = read(file!("grey.jpg"));
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    assert!(pixels.iter().all(|[r, g, b]| r == g && g == b));
    let expected = drawn().grey();
    let close = |(found, expected): (&u8, &u8)| found.abs_diff(*expected) <= 6;
    assert!(picture.grey().iter().zip(&expected).all(close));
}

#[test]
fn printers_colours_are_read_too() {
    let (_, mean) = difference(&read(file!("cmyk.jpg")), &drawn());
    assert!(mean < 8.0, "{mean}");
}

#[test]
fn what_shows_through_is_white() {
    let picture = read(file!("clear.png"));
    // A fifth of the ink.
    let expected = |value: u8| ((u32::from(value) + 4 * 255) as f64 / 5.0).round() as u8;
    let pixels = drawn().pixels().iter().copied().map(expected).collect();
    assert_eq!(picture, Picture::new(WIDTH, HEIGHT, pixels));
}

#[test]
fn each_cut_file_is_named_as_cut_or_damaged() {
    for (format, bytes) in [
        (Format::Png, file!("rgb.png")),
        (Format::Jpeg, file!("baseline.jpg")),
        (Format::Jpeg, file!("progressive.jpg")),
        (Format::WebP, file!("lossy.webp")),
        (Format::Bmp, file!("rgb.bmp")),
    ] {
        for length in [bytes.len() / 2, bytes.len() * 3 / 4] {
            match decode(&bytes[..length], &Limits::default()) {
                Err(
                    DecodeError::Truncated { format: found }
                    | DecodeError::Damaged { format: found, .. },
                ) => assert_eq!(found, format),
                other => panic!("{format} cut to {length} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn the_rest_is_no_picture() {
    for bytes in [
        &b""[..],
        b"PK\x03\x04 an archive",
        b"hello",
        file!("rgb.gif"),
    ] {
        let found = decode(bytes, &Limits::default());
        assert_eq!(found, Err(DecodeError::NoPicture));
    }
}

#[test]
fn limits_are_held_to_before_anything_is_unpacked() {
    let limits = Limits {
        bytes: 4_000,
        pixels: 692,
    };
    for bytes in [
        file!("rgb.png"),
        file!("baseline.jpg"),
        file!("rgb.bmp"),
        file!("lossy.webp"),
    ] {
        let expected = DecodeError::TooManyPixels {
            width: 33,
            height: 21,
            most: 692,
        };
        assert_eq!(decode(bytes, &limits), Err(expected));
    }
    let expected = DecodeError::TooManyBytes {
        bytes: 4_001,
        most: 4_000,
    };
    assert_eq!(decode(&[0; 4_001], &limits), Err(expected));
}

#[test]
fn a_header_that_announces_too_much_is_refused() {
    // 65,535 pixels along each side in 60 bytes.
    let mut bomb = file!("rgb.png").to_vec();
    bomb[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
    assert!(decode(&bomb, &Limits::default()).is_err());
    let mut bomb = file!("rgb.bmp").to_vec();
    bomb[18..26].copy_from_slice(&[255, 255, 0, 0, 255, 255, 0, 0]);
    let found = decode(&bomb, &Limits::default());
    assert!(matches!(found, Err(DecodeError::TooManyPixels { .. })));
}
