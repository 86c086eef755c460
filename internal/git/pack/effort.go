package pack

// A delta of thirty bytes can make gigabytes, again and again, so what deltas make is held
// against what was sent. Honest repositories make some hundred times the pack's bytes.
const (
	madeFloor = 8 << 30 // bytes that the deltas of any pack may make
	madeRatio = 10_000  // and beyond that, for each byte of the pack
	remakeFee = 8       // bytes made again count so many times less: they are not hashed
)

// maxDepth is how many deltas may lie on one another: twice what any Git writes
// (git-fast-import: 8,191; git-pack-objects: 4,095).
const maxDepth = 1 << 14

// spend notes that bytes are made by deltas. It is safe for concurrent use once the stream has ended.
func (p *pass) spend(bytes int64) error {
	limit := p.o.madeFloor + madeRatio*p.in.n
	if made := p.made.Add(bytes); made > limit {
		return &LimitError{"bytes made by deltas", made, limit}
	}
	return nil
}

// deltaResult returns the size of what a delta makes of the entry at base, once it is known
// to fit that entry and the limits. Only the start of the delta is looked at.
func (p *pass) deltaResult(start []byte, t *table, base uint32) (int64, error) {
	from, size, _, err := DeltaSizes(start)
	if err != nil {
		return 0, err
	}
	if have := int64(t.size[base]); from != have {
		return 0, corrupt("delta is for a base of %d bytes, not %d", from, have)
	}
	if depth := int64(t.depth[base]) + 1; depth > maxDepth {
		return 0, &LimitError{"deltas on one another", depth, maxDepth}
	}
	kind := t.kind[base]
	if err := p.o.Limits.check(kind, from, false); err != nil {
		return 0, err // the base has to be held as well
	}
	if err := p.o.Limits.check(kind, size, false); err != nil {
		return 0, err
	}
	return size, p.spend(size)
}
