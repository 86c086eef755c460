package split

import (
	"slices"
	"strconv"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// prefix begins the names of the refs of our own, below refs/heads/ and refs/tags/. A number follows.
const prefix = "rehome-part-"

// Own reports whether a ref has the name of one that a step makes for the last to delete.
func Own(name string) bool {
	_, ok := ownNumber(name)
	return ok
}

func ownNumber(name string) (n uint64, ok bool) {
	for _, folder := range []string{"refs/heads/", "refs/tags/"} {
		if digits, found := strings.CutPrefix(name, folder+prefix); found {
			n, err := strconv.ParseUint(digits, 10, 32)
			return n, err == nil
		}
	}
	return 0, false
}

// own is the refs of our own.
type own struct {
	names   []string // in the order in which they were made
	numbers map[ownKey]string
	next    uint64
}

// ownKey is what a ref of our own is for. A branch cannot hold a tag.
type ownKey struct {
	chain uint32
	tag   bool
}

// found returns those that an interrupted push has left, as far as they hold what is here. New ones get numbers after all others.
func (o *own) found(r Request) map[string]object.ID {
	o.numbers, o.next = map[ownKey]string{}, 1
	at := map[string]object.ID{}
	taken := func(name string) bool {
		n, ok := ownNumber(name)
		if ok {
			o.next = max(o.next, n+1)
		}
		return ok
	}
	for _, u := range r.Updates {
		taken(u.Name)
	}
	for _, ref := range r.There {
		if taken(ref.Name) && r.isLeft(ref) {
			at[ref.Name] = ref.ID
			o.names = append(o.names, ref.Name)
		}
	}
	return at
}

// isLeft reports whether a ref that has the name of one of our own is one: nobody asked for it.
func (r Request) isLeft(ref repo.Ref) bool {
	asked := slices.ContainsFunc(r.Updates, func(u repo.Update) bool { return u.Name == ref.Name })
	return !asked && (r.Stays == nil || !r.Stays(ref.Name)) && r.Objects.Has(ref.ID)
}

// name returns the name of the ref that holds what was sent of a chain.
func (o *own) name(chain uint32, t object.Type) string {
	key := ownKey{chain, t == object.Tag}
	name, ok := o.numbers[key]
	if !ok {
		folder := "refs/heads/"
		if key.tag {
			folder = "refs/tags/"
		}
		name = folder + prefix + strconv.FormatUint(o.next, 10)
		o.next++
		o.numbers[key] = name
		o.names = append(o.names, name)
	}
	return name
}
