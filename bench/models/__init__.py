"""`fasttricks bench --model NAME`: a network's speed on made-up pictures, against the same network
as torchvision and timm build it, and against others of ours.

All in one process and on one device, the libraries taking turns: what slows the machine down for a
while slows all of them.
"""

OURS = "fasttricks"
"""What the library is called whose networks are ours."""
