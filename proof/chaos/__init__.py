"""Kill everything at random while Galaxy works, and see whether what it promises still holds (docs/chaos.md)."""
