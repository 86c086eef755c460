package main

import (
	"bytes"
	"context"
	"fmt"
)

// workersHeading begins the part of docs/benchmarks.md about several worker processes.
const workersHeading = "\n# Several workers\n"

// workersGoal is how many times as many imports two worker processes end, at least.
const workersGoal = 1.7

// writeWorkersRows puts the rows into docs/benchmarks.md, in place of those that were there.
func writeWorkersRows(ctx context.Context, s settings, rows workersRows) error {
	var b bytes.Buffer
	circumstances(ctx, &b, s)
	workersSection(&b, rows)
	return putPart(s.out, workersHeading, b.Bytes())
}

func workersSection(b *bytes.Buffer, r workersRows) {
	fmt.Fprintf(b, "\n%d imports that are asked for at once (%d commits, %d objects, %.1f MB each), by `--role api` and one or two `--role worker --workers %d`, with Postgres, an object\n",
		workersImports, r.from.commits, r.from.objects, float64(r.from.bytes)/1e6, workersAtOnce)
	fmt.Fprintf(b, "store (versitygw), and git's own receive-pack as destination, all on this machine. The source sends its pack in %d pieces and waits %d ms before each, so that\n", idlePieces, idleWait.Milliseconds())
	fmt.Fprintf(b, "sources are waited for, and not processors: %.1f s at least for each import. %d pairs of runs.\n\n", (idlePieces * idleWait).Seconds(), len(r.one))
	b.WriteString("| measure | one worker | two workers | two against one | goal |\n|---|---|---|---|---|\n")
	for _, row := range []struct {
		what   string
		of     func(workersRun) float64
		digits int
		goal   float64
	}{
		{"imports a minute", workersRun.perMinute, 1, workersGoal},
		{"from the first request to the end of the last import, s", func(w workersRun) float64 { return w.wall }, 1, 0},
		{"processor time of the workers, s", func(w workersRun) float64 { return w.workers }, 2, 0},
		{fmt.Sprintf("processor time of the API, which is asked for the list every %d ms, s", listEvery.Milliseconds()), func(w workersRun) float64 { return w.api }, 2, 0},
	} {
		one, two := each(r.one, row.of), each(r.two, row.of)
		var ratios []float64
		for n := range one {
			ratios = append(ratios, two[n]/one[n])
		}
		goal := "–"
		if row.goal > 0 {
			goal = fmt.Sprintf("≥ %.3g %s", row.goal, verdict(row.goal, median(ratios)))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", row.what, spread(one, row.digits), spread(two, row.digits), spread(ratios, 2), goal)
	}
	least := float64(workersImports) / workersAtOnce * (idlePieces * idleWait).Seconds()
	fmt.Fprintf(b, "\nThe waits alone take one worker %.0f s. Every ref and object id at each destination compared after each run; `git fsck` clean.\n", least)
	fmt.Fprintf(b, "Others were at work on the machine, too, as far as its load average says before the first run: %s.\n", r.load)
}

func each(runs []workersRun, value func(workersRun) float64) (list []float64) {
	for _, r := range runs {
		list = append(list, value(r))
	}
	return list
}
