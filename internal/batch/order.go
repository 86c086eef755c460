package batch

import (
	"slices"

	"rehome/internal/remote"
)

// maxCycles is how many are found.
const maxCycles = 20

// Order is which rows have to wait for which. Rows are meant by their places in the batch.
type Order struct {
	After  [][]int // for each row the rows that are submodules of it
	Cycles [][]int // rows that wait for each other, so that none can be first; each from its first row on
}

// Submodules finds out which rows are submodules of others: of[n] are the URLs in .gitmodules of row n. What is no
// source of the batch is passed over; where several rows have the same source, the first one counts.
func Submodules(rows []Row, of [][]string) Order {
	exact, loose := map[string]int{}, map[string]int{}
	for n, row := range slices.Backward(rows) {
		exact[remote.Key(row.Source)] = n
		loose[remote.Bare(remote.Key(row.Source))] = n
	}
	order := Order{After: make([][]int, len(rows))}
	for n, row := range rows {
		for _, url := range of[n] {
			key := remote.Key(remote.Resolve(row.Source, url))
			m, ok := exact[key]
			if !ok {
				m, ok = loose[remote.Bare(key)]
			}
			if !ok || remote.Bare(remote.Key(rows[m].Source)) == remote.Bare(remote.Key(row.Source)) {
				continue
			}
			if !slices.Contains(order.After[n], m) {
				order.After[n] = append(order.After[n], m)
			}
		}
	}
	order.Cycles = cycles(order.After)
	return order
}

// cycles finds ways round among rows that wait for each other, the first maxCycles of them.
func cycles(after [][]int) (found [][]int) {
	const new, open, closed = 0, 1, 2
	state := make([]int, len(after))
	var way []int
	var visit func(int)
	visit = func(n int) {
		state[n] = open
		way = append(way, n)
		for _, m := range after[n] {
			switch state[m] {
			case new:
				visit(m)
			case open:
				if len(found) == maxCycles {
					break
				}
				found = append(found, slices.Clone(way[slices.Index(way, m):]))
			}
		}
		way = way[:len(way)-1]
		state[n] = closed
	}
	for n := range after {
		if state[n] == new {
			visit(n)
		}
	}
	return found
}
