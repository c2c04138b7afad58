#!/usr/bin/env bash
# A 16-bit TIFF whose colours lie in separate planes opens in Pillow as another picture, without a word.
#
# Versions: numpy 2.4.6, Pillow 13.0.0, tifffile 2026.3.3, opencv-python-headless 5.0.0.93 as a second opinion.
#
# Behaviour: tifffile writes arrays (3, height, width) as "separate planes" where told that they are RGB, as scanners
# and microscopes do. Pillow reads such a file of 16 bits a channel, uncompressed, as if each plane had 8 bits: the low
# bytes of neighbours pass for pixels. There is no error and no warning; size and mode are right. The same pixels are
# right when compressed by Deflate, of 8 bits, or interleaved, so a check with any of these does not show it.
#
# Seen: the share of pixels that are wrong, and the largest difference of 255
#   interleaved, 16 bits             Pillow 0.00    0  OpenCV 0.00    0
#   separate, 8 bits                 Pillow 0.00    0  OpenCV 0.00    0
#   separate, 16 bits, Deflate       Pillow 0.00    0  OpenCV 0.00    0
#   separate, 16 bits                Pillow 1.00  127  OpenCV 0.00    0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0 tifffile==2026.3.3 \
    opencv-python-headless==5.0.0.93

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import cv2
import numpy as np
import tifffile
from PIL import Image

y, x = np.mgrid[:60, :80]
wanted = np.stack([x * 255 // 80, y * 255 // 60, np.full((60, 80), 40)], axis=-1).astype(np.uint8)
file = f"{sys.argv[1]}/picture.tif"
seen = []
for name, planes, dtype, compression in (
    ("interleaved, 16 bits", False, np.uint16, None),
    ("separate, 8 bits", True, np.uint8, None),
    ("separate, 16 bits, Deflate", True, np.uint16, "zlib"),
    ("separate, 16 bits", True, np.uint16, None),
):
    samples = wanted.astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    layout = {"planarconfig": "separate" if planes else "contig", "compression": compression}
    tifffile.imwrite(file, samples.transpose(2, 0, 1) if planes else samples, photometric="rgb", **layout)
    by_pillow = np.asarray(Image.open(file))
    by_opencv = cv2.imread(file)[..., ::-1]
    off = [np.abs(one.astype(int) - wanted) for one in (by_pillow, by_opencv)]
    told = "  ".join(
        f"{library} {(one.max(axis=2) > 0).mean():.2f} {one.max():4}" for library, one in zip(("Pillow", "OpenCV"), off)
    )
    print(f"{name:32} {told}")
    seen.append([int(one.max()) for one in off])

unchanged = seen[:3] == [[0, 0]] * 3 and seen[3][0] > 100 and seen[3][1] == 0
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
