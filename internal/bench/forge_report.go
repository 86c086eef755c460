package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// forgeHeading begins the part of docs/benchmarks.md about moves to a forge.
const forgeHeading = "\n# To a forge\n"

const (
	forgeGoal      = 0.75
	secondGoal     = 1.0 / 8
	secondBytes    = 1.1       // of the new commits and tags
	resyncGoal     = 1.0       // CPU s, at 85,000 commits
	resyncSentGoal = 100 * 1e3 // bytes
)

// writeForgeRows puts the rows into docs/benchmarks.md, in place of those that were there.
func writeForgeRows(ctx context.Context, s settings, all []forgeRows) error {
	var b bytes.Buffer
	circumstances(ctx, &b, s)
	b.WriteString("\nThe destination is git's own receive-pack behind smart HTTP on loopback; it counts for neither side, and counts the bytes of the requests\n")
	b.WriteString("that reach it. A second push follows a change of the author map, in a command that keeps its state; `git push --mirror --force` sends the same\n")
	fmt.Fprintf(&b, "rewritten history to a copy of the same destination. A resync follows %d commits, or a few more, that the source's default branch moved along its own history;\n", resyncCommits)
	b.WriteString("notes about those commits, and other refs to them, were taken out of the source first.\n")
	for _, r := range all {
		forgeSection(&b, r)
	}
	return putPart(s.out, forgeHeading, b.Bytes())
}

func forgeSection(b *bytes.Buffer, r forgeRows) {
	fmt.Fprintf(b, "\n## %s, to a forge\n\n%d commits, %d objects, %.1f MB of packs.\n\n", r.name, r.commits, r.objects, float64(r.bytes)/1e6)
	b.WriteString("| work | ours, CPU s | git, CPU s | ratio | goal | ours, wall s | git, wall s | ours, MiB | git, MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	row(b, "`rehome import URL URL` against `git clone --mirror` + `git push --mirror URL`", r.plain, forgeGoal)
	row(b, "the same with an author map", r.mapped, forgeGoal)
	row(b, "the same by a server, without", r.served, forgeGoal)
	row(b, "second push, from the first word of pushing to the end, against `git push --mirror --force URL`", r.second.push, secondGoal)
	row(b, "the whole second run, with fetching and rewriting, against the same", r.second.whole, 0)
	row(b, "resync, the whole run, against `git fetch` + `git push --mirror URL`", r.resync.plain, 0)
	row(b, "the same with an author map", r.resync.mapped, 0)
	b.WriteString("\n| measure | figure | goal | |\n|---|---|---|---|\n")
	secondRow(b, r.second)
	new := fmt.Sprintf("%.0f", slices.Min(r.resync.commits))
	if most := slices.Max(r.resync.commits); most > slices.Min(r.resync.commits) {
		new += fmt.Sprintf(" to %.0f", most)
	}
	resyncRows(b, new+" new commits", r.resync.plain, r.resync.sent[0], r.resync.sent[2])
	resyncRows(b, new+" new commits and an author map", r.resync.mapped, r.resync.sent[1], r.resync.sent[2])
	fmt.Fprintf(b, "\nEvery ref and object id at the destination compared after each run; with an author map every commit and tag byte for byte with what\n")
	fmt.Fprintf(b, "the source's should become. `git fsck` clean after: %s.\n", strings.Join(r.checked, ", "))
}

// secondRow holds everything that is sent against the new commits and tags, as the goal has it, and then the pack against all that is new:
// a history with many refs needs many commands, and one with many notes new trees, too.
func secondRow(b *bytes.Buffer, s secondPushes) {
	var share, packs []float64
	for n, made := range s.made {
		share, packs = append(share, s.sent[n]/float64(made.annotatedBytes)), append(packs, (s.sent[n]-s.told[n])/float64(made.allBytes))
	}
	made := s.made[0]
	bound(b, fmt.Sprintf("bytes sent by a second push (%.2f MB; git %.1f MB) for each byte of the %d new commits and tags, each deflated on its own by git (%.2f MB)",
		median(s.sent)/1e6, median(s.theirs)/1e6, made.annotated, float64(made.annotatedBytes)/1e6), spread(share, 3), fmt.Sprint(secondBytes), verdict(median(share), secondBytes))
	bound(b, fmt.Sprintf("the same without the commands for refs (%.2f MB), and with the %d trees of notes that are new (%.2f MB)",
		median(s.told)/1e6, made.all-made.annotated, float64(made.allBytes-made.annotatedBytes)/1e6), spread(packs, 3), fmt.Sprint(secondBytes), verdict(median(packs), secondBytes))
}

func resyncRows(b *bytes.Buffer, what string, pairs []pair, sent, theirs []float64) {
	used := column(pairs, func(p pair) float64 { return p.ours.cpu })
	bound(b, "resync of "+what+", CPU s", spread(used, 2), fmt.Sprint(resyncGoal), verdict(median(used), resyncGoal))
	bound(b, fmt.Sprintf("the same, bytes sent (git %.0f)", median(theirs)), spread(sent, 0), fmt.Sprintf("%.0f", resyncSentGoal), verdict(median(sent), resyncSentGoal))
}
