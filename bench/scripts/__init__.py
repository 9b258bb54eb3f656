"""A race of `fasttricks train` against the training scripts of torchvision and timm.

python -m fasttricks.bench.scripts --torchvision FOLDER --timm FOLDER [--json FILE]
"""
