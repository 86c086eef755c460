package lfs

// Store keeps objects by their SHA-256.
type Store struct{}
