package lfs

// Key is where a bucket has an object: git-lfs's own name, "ab/cd/abcd…".
func Key(oid OID) string { return key(oid) }
