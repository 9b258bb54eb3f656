"""Small archives in the form of ILSVRC2012's, and the same pictures unpacked."""

import io
import tarfile

from tests.pictures import jpeg

SYNSETS = ("n01440764", "n01443537", "n02012849")
_IDS = {"n01440764": 3, "n01443537": 1, "n02012849": 2}  # meta.mat has another order
VAL = [2, 0, 1, 0, 2, 2]
"""Class index of each validation picture."""


def picture_name(number):
    return f"ILSVRC2012_val_{number + 1:08d}.JPEG"


def tar_bytes(members):
    """A tar of {name: bytes}, as GNU tar writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.uname = len(data), "somebody"
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def train_pictures():
    """{synset/picture: bytes}; in the archive neither synsets nor pictures are sorted."""
    return {
        f"{synset}/{synset}_{10 * number}.JPEG": jpeg(20 + number, 30, seed=number + 9 * s)
        for s, synset in enumerate(SYNSETS[::-1])
        for number in (12, 3, 7)
    }


def val_pictures():
    """The same for validation."""
    return {
        f"{SYNSETS[label]}/{picture_name(number)}": jpeg(22, 31 + number, seed=number)
        for number, label in enumerate(VAL)
    }


def write_train(folder):
    inner = {}
    for name, data in train_pictures().items():
        synset, _, picture = name.partition("/")
        inner.setdefault(f"{synset}.tar", {})[picture] = data
    path = folder / "ILSVRC2012_img_train.tar"
    path.write_bytes(tar_bytes({name: tar_bytes(members) for name, members in inner.items()}))
    return path


def write_val(folder):
    flat = {name.partition("/")[2]: data for name, data in val_pictures().items()}
    path = folder / "ILSVRC2012_img_val.tar"
    path.write_bytes(tar_bytes(dict(sorted(flat.items(), reverse=True))))
    return path


def ids():
    """The content of ILSVRC2012_validation_ground_truth.txt."""
    return "".join(f"{_IDS[SYNSETS[label]]}\n" for label in VAL).encode()


def synset_lines():
    return "".join(f"{SYNSETS[label]}\n" for label in VAL).encode()


def meta():
    """The content of meta.mat: three synsets with pictures and one above them."""
    import numpy as np
    from scipy.io import savemat

    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = np.array(
        [(number, synset, "a, b", 0) for synset, number in _IDS.items()]
        + [(4, "n00001740", "entity", 3)],
        fields,
    )
    out = io.BytesIO()
    savemat(out, {"synsets": rows.reshape(-1, 1)})
    return out.getvalue()
