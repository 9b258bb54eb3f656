"""What other people's trainers ask of a loader beyond `fasttricks.make_loader`.

Nothing here imports a trainer's library.
"""
