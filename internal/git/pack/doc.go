// Package pack reads and writes packs and their indexes, entry by entry (gitformat-pack).
//
// Receive takes a pack apart in one pass while it streams in:
//
//	for each entry: find its end by inflating it, check every limit, and append it to
//	    the history pack (commits, tags) or the content pack (trees, blobs); a delta
//	    always has its base's type, so only the distance to its base is written anew
//	commits and tags are made whole and visited at once: they come first in a pack
//	when the stream has ended: walk the content pack's forest of deltas base first, on
//	    all cores, making each tree and delta-coded blob once, hashing and visiting it
//	entries that name a base by an id not known while they passed are placed at the end
//	write the two headers, checksums and indexes
//
// Nothing is kept in the heap that grows with the pack: tables are Scratch memory, and
// a walk holds one path of the forest, within a budget.
package pack
