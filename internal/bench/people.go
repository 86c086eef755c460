package main

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

	"rehome"
)

// replaced is who takes the place of those who are mapped.
var replaced = rehome.Identity{Name: "Mapped Person", Mail: "mapped@example.com"}

// people says who made which commits.
type people struct {
	list    []rehome.Identity // as they are in history, oldest first
	commits []made            // parents first
}

type made struct {
	parents []int
	by      [2]int // author and committer, in list
}

// readPeople asks git log, which is told to leave names in the encoding they have.
func readPeople(ctx context.Context, dir string) (*people, error) {
	out, err := git(ctx, dir, "log", "--all", "--topo-order", "--reverse", "--encoding=none", "--format=%H%x00%P%x00%an%x00%ae%x00%cn%x00%ce")
	if err != nil {
		return nil, err
	}
	p, commits, known := &people{}, map[string]int{}, map[rehome.Identity]int{}
	number := func(name, mail string) int {
		id := rehome.Identity{Name: name, Mail: mail}
		if _, ok := known[id]; !ok {
			known[id] = len(p.list)
			p.list = append(p.list, id)
		}
		return known[id]
	}
	for line := range strings.Lines(out + "\n") {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 6 {
			return nil, fmt.Errorf("git log: %q", line)
		}
		m := made{by: [2]int{number(f[2], f[3]), number(f[4], f[5])}}
		for parent := range strings.FieldsSeq(f[1]) {
			m.parents = append(m.parents, commits[parent])
		}
		commits[f[0]] = len(p.commits)
		p.commits = append(p.commits, m)
	}
	return p, nil
}

// busiest returns the mail that most commits have as their author's, and all identities that have it, in whatever case.
func (p *people) busiest() (mail string, ids []rehome.Identity) {
	count, most := map[string]int{}, 0
	for _, c := range p.commits {
		key := strings.ToLower(p.list[c.by[0]].Mail)
		if count[key]++; count[key] > most && strings.Contains(key, "@") {
			mail, most = key, count[key]
		}
	}
	for _, id := range p.list {
		if strings.ToLower(id.Mail) == mail {
			ids = append(ids, id)
		}
	}
	return mail, ids
}

// touching returns the identity whose commits and all that follow them are closest to a share of history, and their number.
func (p *people) touching(share float64) (rehome.Identity, int) {
	want := int(share * float64(len(p.commits)))
	var best rehome.Identity
	found := 0
	for from := 0; from < len(p.list); from += 64 {
		for n, count := range p.followed(from) {
			if from+n >= len(p.list) || !utf8.ValidString(p.list[from+n].Name) || found > 0 && abs(count-want) >= abs(found-want) {
				continue
			}
			best, found = p.list[from+n], count
		}
	}
	return best, found
}

// followed counts, for 64 identities at once, the commits that name them and all that follow.
func (p *people) followed(from int) [64]int {
	var counts [64]int
	marks := make([]uint64, len(p.commits))
	for n, c := range p.commits {
		for _, who := range c.by {
			if who >= from && who < from+64 {
				marks[n] |= 1 << (who - from)
			}
		}
		for _, parent := range c.parents {
			marks[n] |= marks[parent]
		}
		for rest := marks[n]; rest != 0; rest &= rest - 1 {
			counts[bits.TrailingZeros64(rest)]++
		}
	}
	return counts
}

func abs(n int) int { return max(n, -n) }
