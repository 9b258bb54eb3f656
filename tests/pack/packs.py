"""Reading packs as others do, with nothing but tarfile, and sources for them."""

import tarfile

from tests.pictures import jpeg


def stream(folder):
    """[(key, {ending: bytes})] of all shards: consecutive members that share a key, cut at the
    first dot of the base name as WebDataset does (webdataset/tariterators.py)."""
    samples = []
    for shard in sorted(folder.glob("shard-*.tar")):
        with tarfile.open(shard, "r|") as tar:
            last = None
            for member in tar:
                directory, slash, base = member.name.rpartition("/")
                stem, _, ending = base.partition(".")
                key = directory + slash + stem
                if key != last:
                    samples.append((key, {}))
                    last = key
                assert ending not in samples[-1][1], member.name
                samples[-1][1][ending] = tar.extractfile(member).read()
    return samples


def write(root, pictures):
    """A folder of files, {relative path: bytes}."""
    for name, data in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def small_folder(root, count=12, classes=3):
    """An ImageFolder of `count` small JPEGs."""
    names = [f"class_{i % classes}/picture_{i:02d}.JPEG" for i in range(count)]
    return write(root, {name: jpeg(24, 33, seed=i) for i, name in enumerate(names)})


def contents(folder):
    """All files below a folder, {relative path: bytes}; hidden ones too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
