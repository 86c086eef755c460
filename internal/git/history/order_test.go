package history_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
)

// made is a graph of loose commits with the given parents, in the order given. Its object i says "i".
func made(t testing.TB, parents ...[]int) (*history.Graph, []object.ID) {
	t.Helper()
	s := history.Source{Format: object.SHA1, Scratch: heap, Workers: 1}
	var ids []object.ID
	for n, some := range parents {
		var b strings.Builder
		fmt.Fprintf(&b, "tree %s\n", object.SHA1.Zero())
		for _, p := range some {
			fmt.Fprintf(&b, "parent %s\n", ids[p])
		}
		fmt.Fprintf(&b, "author A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n%d", n)
		id, err := object.NewHasher(object.SHA1).Sum(object.Commit, []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		s.Loose = append(s.Loose, history.Loose{ID: id, Type: object.Commit, Data: []byte(b.String())})
	}
	g, err := history.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, ids
}

func TestFindPrefix(t *testing.T) {
	chain := make([][]int, 2000)
	g, ids := made(t, chain...)
	for _, digits := range []int{0, 1, 3, 4, 7, 39, 40} {
		for _, id := range ids[:50] {
			hex := id.String()[:digits]
			var want []object.ID
			for _, other := range ids {
				if strings.HasPrefix(other.String(), hex) {
					want = append(want, other)
				}
			}
			n, ok := g.FindPrefix([]byte(hex), nil)
			if ok != (len(want) == 1) || ok && g.ID(n) != want[0] {
				t.Errorf("%q finds %d, %v, want %v", hex, n, ok, want)
			}
			only := g.NewSet()
			at, _ := g.Find(id)
			only.Add(at)
			if n, ok := g.FindPrefix([]byte(hex), only); !ok || n != at {
				t.Errorf("%q finds %d, %v among one", hex, n, ok)
			}
		}
	}
	for _, hex := range []string{"fffffffffffffff", strings.Repeat("0", 41), ids[0].String() + "0"} {
		if n, ok := g.FindPrefix([]byte(hex), nil); ok {
			t.Errorf("%q finds %d", hex, n)
		}
	}
	for _, id := range []object.ID{object.SHA1.Zero(), object.SHA256.Zero()} {
		if n, ok := g.Find(id); ok || n != history.None {
			t.Errorf("Find of %s says %d", id, n)
		}
	}
}

func TestReach(t *testing.T) {
	g, ids := made(t, nil, []int{0}, []int{0, 0}, []int{1, 2}, nil, []int{4})
	for _, c := range []struct{ from, want []int }{
		{nil, nil},
		{[]int{0}, []int{0}},
		{[]int{2, 2}, []int{0, 2}},
		{[]int{3}, []int{0, 1, 2, 3}},
		{[]int{5, 1}, []int{0, 1, 4, 5}},
	} {
		tips := []object.ID{object.SHA1.Zero()}
		for _, i := range c.from {
			tips = append(tips, ids[i])
		}
		set := g.Reach(tips)
		for i, id := range ids {
			if n, _ := g.Find(id); set.Has(n) != slices.Contains(c.want, i) {
				t.Errorf("%v reach %d: %v", c.from, i, set.Has(n))
			}
		}
		if set.Len() != len(c.want) {
			t.Errorf("%v reach %d, want %d", c.from, set.Len(), len(c.want))
		}
		set.Remove(set)
		if set.Len() != 0 {
			t.Errorf("%d are left", set.Len())
		}
	}
}

// TestOrder wants parents first, always, and then what also says, where that makes no circle.
func TestOrder(t *testing.T) {
	chain := [][]int{nil, {0}, {1}, {2}, {3}, {4, 0}, {5}, {6}}
	g, ids := made(t, append(chain, nil, []int{8})...)
	number := func(i int) uint32 { n, _ := g.Find(ids[i]); return n }
	for _, c := range []struct {
		name   string
		also   map[int][]int
		before [][2]int // besides parents
	}{
		{"parents", nil, nil},
		{"another branch", map[int][]int{0: {9}, 8: nil}, [][2]int{{9, 0}}},
		{"its descendant", map[int][]int{1: {5}, 3: {2, 8}}, nil},
		{"itself", map[int][]int{4: {4}}, nil},
		{"a circle of two branches", map[int][]int{0: {9}, 8: {7}}, nil},
		{"each other", map[int][]int{3: {9}, 9: {3}}, nil},
		{"a circle, and out of it", map[int][]int{7: {1}, 1: {7}, 4: {9}}, [][2]int{{9, 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			also := func(n uint32) (some []uint32) {
				for _, i := range c.also[slices.Index(ids, g.ID(n))] {
					some = append(some, number(i))
				}
				return some
			}
			order, err := g.Order(t.Context(), g.Reach(ids), also)
			if err != nil || len(order) != len(ids) {
				t.Fatal(order, err)
			}
			at := func(i int) int { return slices.Index(order, number(i)) }
			for i := range ids {
				for parents, k := g.Parents(number(i)), 0; k < parents.Len(); k++ {
					if slices.Index(order, parents.At(k)) > at(i) {
						t.Errorf("a parent of %d comes after it", i)
					}
				}
			}
			for _, b := range c.before {
				if at(b[0]) > at(b[1]) {
					t.Errorf("%d comes after %d", b[0], b[1])
				}
			}
		})
	}
	part := g.Reach(ids[2:3])
	order, err := g.Order(t.Context(), part, nil)
	if want := []uint32{number(0), number(1), number(2)}; err != nil || !slices.Equal(order, want) {
		t.Errorf("the order is %v, %v, want %v", order, err, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrClosed)
	if _, err := g.Order(ctx, part, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Order ends with %v", err)
	}
}
