"""tf.data with TensorFlow's ImageNet recipe: `decode_and_crop_jpeg` of a sampled box.

Source: tensorflow/tpu, `models/official/resnet/resnet_preprocessing.py`: distorted box (area 0.08
to 1, aspect 3/4 to 4/3), decode of the box, bicubic resize without antialiasing, flip. It reads
files where the recipe reads TFRecords. Runs in an interpreter of its own, so it imports TensorFlow
and the standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings

MEAN = [0.485 * 255, 0.456 * 255, 0.406 * 255]
STD = [0.229 * 255, 0.224 * 255, 0.225 * 255]
PADDING = 32  # the recipe's evaluation crop: size / (size + 32) of the shorter side
JPEGS = (".jpg", ".jpeg", ".jpe", ".jfif")
OTHERS = (".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
DOES = (
    "decode of the crop (fast DCT), resize (bicubic, not antialiased), flip",
    "decode of the centre, resize (bicubic, not antialiased)",
    "brightness, saturation, hue, no PCA lighting",
)


def batches(settings: Settings, facts: Facts) -> Iterator[Any]:
    """An endless tf.data pipeline with a thread pool of its own."""
    facts["does"] = DOES
    facts["ahead"] = 6
    facts["versions"] = {"tensorflow": tf.__version__}
    paths = _pictures(settings["root"])
    data = tf.data.Dataset.from_tensor_slices(paths)
    if settings["train"]:
        data = data.shuffle(len(paths))
    data = data.repeat().map(
        lambda path: _make(tf.io.read_file(path), settings), num_parallel_calls=tf.data.AUTOTUNE
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = settings["threads"]
    options.threading.max_intra_op_parallelism = 1
    options.deterministic = False
    batched = data.batch(settings["batch_size"], drop_remainder=True).prefetch(2)
    yield from batched.with_options(options)


def _make(encoded: Any, settings: Settings) -> Any:
    size = settings["size"]
    shape = tf.io.extract_jpeg_shape(encoded)
    if settings["train"]:
        window = _training_window(shape)
    else:
        side = tf.cast(
            size / (size + PADDING) * tf.cast(tf.minimum(shape[0], shape[1]), tf.float32), tf.int32
        )
        window = tf.stack([(shape[0] - side + 1) // 2, (shape[1] - side + 1) // 2, side, side])
    image = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    image = tf.image.resize(image, [size, size], method=tf.image.ResizeMethod.BICUBIC)
    if settings["train"]:
        image = tf.image.random_flip_left_right(image)
    if settings["work"] == "decode":
        return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
    if settings["work"] == "full" and settings["train"]:
        image = tf.image.random_brightness(image, 0.4 * 127.5)
        image = tf.image.random_saturation(image, 0.6, 1.4)
        image = tf.image.random_hue(image, 0.2)
    return tf.cast((image - MEAN) / STD, settings["dtype"])


def _training_window(shape: Any) -> Any:
    start, extent, _ = tf.image.sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.constant([0.0, 0.0, 1.0, 1.0], shape=[1, 1, 4]),
        min_object_covered=0.1,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.stack([start[0], start[1], extent[0], extent[1]])


def _pictures(root: str) -> list[str]:
    """The JPEGs below a folder, for nothing else can be decoded in part; says what it leaves."""
    found = [
        os.path.join(parent, name)
        for parent, _, names in os.walk(root, followlinks=True)
        for name in names
        if name.lower().endswith(JPEGS + OTHERS) and not name.startswith(".")
    ]
    jpegs = sorted(path for path in found if path.lower().endswith(JPEGS))
    if left_out := len(found) - len(jpegs):
        print(f"tf_data: only JPEGs; {left_out:,} other pictures left out", file=sys.stderr)
    return jpegs
