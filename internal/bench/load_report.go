package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// loadHeading begins the part of docs/benchmarks.md about the API under load.
const loadHeading = "\n# Under load\n"

const (
	busyGoal   = 50 * time.Millisecond // p95
	idleGoal   = 64                    // MiB
	polledGoal = 1.10                  // of an import that nobody asks about
)

// writeLoadRows puts the rows into docs/benchmarks.md, in place of those that were there.
func writeLoadRows(ctx context.Context, s settings, rows loadRows) error {
	var b bytes.Buffer
	circumstances(ctx, &b, s)
	loadSection(&b, rows)
	return putPart(s.out, loadHeading, b.Bytes())
}

func loadSection(b *bytes.Buffer, r loadRows) {
	fmt.Fprintf(b, "\n%d imports of the same repository (%d commits, %d objects, %.0f MB) into the built-in host at once, `--workers %d`, the source answers from memory;\n",
		loadImports, r.many.commits, r.many.objects, float64(r.many.bytes)/1e6, loadImports)
	fmt.Fprintf(b, "%d requests a second for their status come when they are due, whether others are answered or not, and each is timed from then.\n\n", loadRate)
	b.WriteString("| measure | figure | goal | |\n|---|---|---|---|\n")
	p95 := r.busy.at(0.95)
	bound(b, fmt.Sprintf("p95 of `GET …/import` while %d imports run", loadImports), ms(p95), ms(busyGoal), verdict(float64(p95), float64(busyGoal)))
	fmt.Fprintf(b, "| the same: %s | | | |\n| while nothing else happens: %s | | | |\n", r.busy, r.quiet)
	fmt.Fprintf(b, "| peak anonymous memory of the server and its children meanwhile | %d MiB | | |\n", r.memory>>20)
	bound(b, "anonymous memory of a server that has nothing to do", fmt.Sprintf("%d MiB", r.idle>>20), fmt.Sprintf("%d MiB", idleGoal), verdict(float64(r.idle>>20), idleGoal))
	walls := column(r.polled, func(p pair) float64 { return p.ours.wall / p.theirs.wall })
	bound(b, fmt.Sprintf("wall time of an import (%d commits) that is asked for %d times a second (%d in all), against one that is not", r.one.commits, pollRate, r.asked),
		spread(walls, 3), fmt.Sprint(polledGoal), verdict(median(walls), polledGoal))
	cpus := column(r.polled, func(p pair) float64 { return p.ours.cpu / p.theirs.cpu })
	fmt.Fprintf(b, "| processor time of the server, that of the answers themselves included, against the same | %s | | |\n", spread(cpus, 3))
}
