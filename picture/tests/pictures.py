"""Writes the pictures of decode.rs beside this file, and prints what resize.rs expects.

Needs Pillow 13. Run as `python pictures.py`.
"""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "pictures"
SIZE = (33, 21)


def ramp(x: int, y: int) -> tuple[int, int, int]:
    return (7 * x, 12 * y, 255 - 3 * (x + y))


def picture() -> Image.Image:
    image = Image.new("RGB", SIZE)
    image.putdata([ramp(x, y) for y in range(SIZE[1]) for x in range(SIZE[0])])
    return image


def write() -> None:
    image = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(FOLDER / "baseline.jpg", quality=90)
    image.save(FOLDER / "progressive.jpg", quality=90, progressive=True)
    image.save(FOLDER / "turned.jpg", quality=90, exif=exif)
    image.convert("L").save(FOLDER / "grey.jpg", quality=90)
    image.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=90)
    image.save(FOLDER / "rgb.png")
    image.save(FOLDER / "turned.png", exif=exif)
    image.quantize(16).save(FOLDER / "palette.png")
    image.save(FOLDER / "rgb.bmp")
    image.save(FOLDER / "lossless.webp", lossless=True)
    image.save(FOLDER / "lossy.webp", quality=90)
    clear = image.convert("RGBA")
    clear.putalpha(51)
    clear.save(FOLDER / "clear.png")
    image.save(FOLDER / "rgb.gif")


def resized() -> None:
    image = Image.new("RGB", (11, 7))
    image.putdata([((37 * i) % 256, (i * i) % 256, (91 * i + 5) % 256) for i in range(77)])
    for name, filter in (("Bilinear", Image.BILINEAR), ("Area", Image.BOX)):
        for size in ((4, 3), (16, 9)):
            pixels = list(image.resize(size, filter).tobytes())
            print(name, size, sum((i + 1) * value for i, value in enumerate(pixels)), pixels[:36])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write()
    resized()
