"""What comes out of a conversion: workers/blocks.py."""

from workers.blocks import Block, Piece


def test_a_block_of_which_all_is_held_back_is_nothing_to_send():
    """A model or a client that is sent a piece is sent some audio."""
    assert () == Block(b"", 960, 20.0, -30.0, 0.0).pieces
    assert (Piece(b"AAAA", 20.0),) == Block(b"AAAA", 960, 20.0, -30.0, 20.0).pieces
