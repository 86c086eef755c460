package rehome

import "strings"

// News counts what a run of a move brought beside the run before.
type News struct {
	Commits int64 // how many more refs lead to; those that came in place of others are not among them
	Made    int64 // refs that were not there
	Moved   int64 // refs that went on, or whose history was made anew by another map
	Forced  int64 // refs that do not lead on from where they were
	Deleted int64
	Stay    int64 // refs that this run left as they were
}

// NewsOf compares the receipts of two runs of a move.
func NewsOf(before, now *Receipt) News {
	n := News{Commits: max(now.Head.Carried-before.Head.Carried, 0)}
	was := map[string]ObjectID{}
	for _, ref := range before.Refs.Refs {
		was[exactly(ref.Name, ref.NameBytes)] = ref.Final
	}
	forced := map[string]bool{}
	for _, ref := range now.Refs.Replaced {
		name := exactly(ref.Name, ref.NameBytes)
		if forced[name] = ref.Became != ""; !forced[name] {
			n.Deleted++
			delete(was, name)
		}
	}
	for _, ref := range now.Refs.Refs {
		name := exactly(ref.Name, ref.NameBytes)
		switch id, there := was[name]; {
		case forced[name]:
			n.Forced++
		case !there:
			n.Made++
		case id != ref.Final:
			n.Moved++
		}
		delete(was, name)
	}
	n.Stay = int64(len(was))
	return n
}

// exactly is a name with all of its bytes.
func exactly(name string, exact []byte) string {
	if exact != nil {
		return string(exact)
	}
	return name
}

// String says it to people, as in "3 new commits, 1 ref moved"; "nothing new" where there is none.
func (n News) String() string {
	var parts []string
	for _, part := range []struct {
		n         int64
		one, many string
	}{
		{n.Commits, "new commit", "new commits"},
		{n.Made, "new ref", "new refs"},
		{n.Moved, "ref moved", "refs moved"},
		{n.Forced, "ref forced", "refs forced"},
		{n.Deleted, "ref deleted", "refs deleted"},
		{n.Stay, "ref stays as it was there", "refs stay as they were there"},
	} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.one)
		case part.n > 0:
			parts = append(parts, Grouped(part.n)+" "+part.many)
		}
	}
	if len(parts) == 0 {
		return "nothing new"
	}
	return strings.Join(parts, ", ")
}
