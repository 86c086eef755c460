package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"
)

// hostileHeading begins the part of docs/benchmarks.md about hostile imports.
const hostileHeading = "\n# Besides hostile imports\n"

const (
	hostileGoal = 200 * time.Millisecond // p95
	startGoal   = 30 * time.Second
	growthGoal  = 50 // MiB
	restGoal    = 10 * time.Second
)

// writeHostileRows puts the rows into docs/benchmarks.md, in place of those that were there.
func writeHostileRows(ctx context.Context, s settings, rows hostileRows) error {
	var b bytes.Buffer
	circumstances(ctx, &b, s)
	hostileSection(&b, rows)
	return putPart(s.out, hostileHeading, b.Bytes())
}

func hostileSection(b *bytes.Buffer, r hostileRows) {
	all, given := r.first.sum()+r.later.sum(), len(r.first.given)+len(r.later.given)
	fmt.Fprintf(b, "\n%d users import hostile sources, %d at once each, from a server with `%s`: each of %d repositories and servers of\n", hostileUsers, hostileAtOnce, strings.Join(hostileFlags, " "), r.first.sum())
	fmt.Fprintf(b, "`testenv/hostile` once, to its end, in %.0f s (what is cut off is tried for minutes), and then again and again while another user imports %d honest ones (%d commits, %d objects, %.1f MB each);\n",
		r.first.took.Seconds(), honestImports, r.honest.commits, r.honest.objects, float64(r.honest.bytes)/1e6)
	fmt.Fprintf(b, "what had not ended then was given up by its users. Left out are %d cases that name hosts or addresses which are not there outside a network of\n", r.away)
	fmt.Fprintf(b, "their own, and %d repositories on a disk. %d requests a second for the honest imports come when they are due, and each is timed from then. Memory is looked at\n", r.path, loadRate)
	fmt.Fprintf(b, "%.0f s after a round.\n\n| measure | figure | goal | |\n|---|---|---|---|\n", settle.Seconds())
	hostileGoals(b, r)
	fmt.Fprintf(b, "| memory of the server before all / after the first round / at the end / peak with its children, MiB | %d / %d / %d / %d | | |\n",
		r.memory.idle>>20, r.memory.first>>20, r.memory.end>>20, r.memory.peak>>20)
	fmt.Fprintf(b, "| hostile imports | %d: %d ended by themselves, %d were given up | | |\n", all, all-given, given)
	fmt.Fprintf(b, "| how the first round ended | %s | | |\n| how the later ones ended | %s | | |\n", &r.first, &r.later)
	fmt.Fprintf(b, "\nThe honest imports were cloned, and every ref and object id compared with the source's. Others were at work on the machine, too, as far as its load average says at the\n")
	fmt.Fprintf(b, "beginning and at the end: %s.\n", r.load)
}

// hostileGoals are the rows with a goal.
func hostileGoals(b *bytes.Buffer, r hostileRows) {
	goal := func(what, figure, goal string, met bool) {
		said := "met"
		if !met {
			said = "**missed**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", what, figure, goal, said)
	}
	lies, refused := len(r.first.lies)+len(r.later.lies), len(r.first.refused)+len(r.later.refused)
	asked, ill := len(r.besides.answers)+r.calls, len(r.besides.answers)-r.besides.well+r.sick
	growth := float64(r.memory.end-r.memory.first) / (1 << 20)
	p95, start := r.besides.answers.at(0.95), r.besides.starts.at(1)
	goal("honest imports that are complete", fmt.Sprintf("%d of %d", r.besides.completed, honestImports), "all", r.besides.completed == honestImports)
	goal("p95 of `GET …/import` of the honest ones", ms(p95), "≤ "+ms(hostileGoal), p95 <= hostileGoal)
	fmt.Fprintf(b, "| the same: %s | | | |\n", r.besides.answers)
	goal("answers that are not 5xx, with those to the hostile users", fmt.Sprintf("%.3f %% of %d", 100*float64(asked-ill)/float64(asked), asked), "100 %", ill == 0)
	goal("from the request for an honest import to its first request at the source", fmt.Sprintf("p50 %.1f s, at most %.1f s", r.besides.starts.at(0.5).Seconds(), start.Seconds()),
		fmt.Sprintf("≤ %.0f s", startGoal.Seconds()), len(r.besides.starts) == honestImports && start <= startGoal)
	goal("growth of the server's anonymous memory after the first round", fmt.Sprintf("%.1f MiB", growth), fmt.Sprintf("≤ %d MiB", growthGoal), growth <= growthGoal)
	goal("until no child worked any more, once all that was left was given up", fmt.Sprintf("%.1f s", r.rest.Seconds()), fmt.Sprintf("≤ %.0f s", restGoal.Seconds()), r.rest <= restGoal)
	goal("processes left at the end", fmt.Sprint(r.orphans), "0", r.orphans == 0)
	goal("complete, and must not be", fmt.Sprint(lies), "0", lies == 0)
	goal("harmless, and not complete", fmt.Sprint(refused), "0", refused == 0)
	goal("ended otherwise than when they are alone", fmt.Sprint(len(r.first.others)+len(r.later.others)), "0", len(r.first.others)+len(r.later.others) == 0)
	goal("something of a source was run, or a password came elsewhere", fmt.Sprint(len(r.first.noted)+len(r.later.noted)), "0", len(r.first.noted)+len(r.later.noted) == 0)
	goal("connections to addresses that nobody may reach", fmt.Sprint(r.hits), "0", r.hits == 0)
}
