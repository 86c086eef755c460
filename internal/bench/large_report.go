package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
)

// largeHeading begins the part of docs/benchmarks.md about large files.
const largeHeading = "\n# Large files\n"

const (
	convertGoal   = 1.0 / 20
	convertMemory = 256 // MiB, and perCommit
	hugeMemory    = 256 // MiB
)

// writeLargeRows puts the rows into docs/benchmarks.md, in place of those that were there.
func writeLargeRows(ctx context.Context, s settings, rows largeRows) error {
	var b bytes.Buffer
	circumstances(ctx, &b, s)
	fmt.Fprintf(&b, "* %s\n", lfsVersion(ctx))
	largeSection(&b, rows)
	return putPart(s.out, largeHeading, b.Bytes())
}

// putPart writes a part of the report below its heading, in place of what was there, and leaves the other parts.
func putPart(file, heading string, part []byte) error {
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	before, after, _ := strings.Cut(string(text), heading)
	if _, next, ok := strings.Cut(after, "\n# "); ok {
		after = "\n# " + next
	} else {
		after = ""
	}
	return os.WriteFile(file, []byte(before+heading+"\n"+string(part)+after), 0o644)
}

// lfsVersion is what git-lfs says of itself, without the system it was made for.
func lfsVersion(ctx context.Context) string {
	said, err := git(ctx, "", "lfs", "version")
	if err != nil {
		return "git-lfs unknown"
	}
	name, _, _ := strings.Cut(said, " ")
	return name
}

func largeSection(b *bytes.Buffer, r largeRows) {
	c := r.compared
	fmt.Fprintf(b, "\nA history made up like that of a web project that keeps what it builds: %d commits, %d objects, %.0f MB of packs,\n", r.commits, r.objects, float64(r.bytes)/1e6)
	fmt.Fprintf(b, "%d distinct files of a megabyte or more, %.0f MB in all. Rehome converts what it imported before, `git lfs migrate` a fresh copy; %d pairs.\n\n", c.objects, float64(c.bytes)/1e6, len(r.converted))
	b.WriteString("| work | ours, CPU s | git-lfs, CPU s | ratio | goal | ours, wall s | git-lfs, wall s | ours, MiB | git-lfs, MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	row(b, "conversion alone against `git lfs migrate import --everything --above="+migrateAbove+"`", r.converted, convertGoal)
	b.WriteString("\n| measure | figure | goal | |\n|---|---|---|---|\n")
	memory, goal := highest(r.converted), convertMemory+perCommit*1000*float64(r.commits)/(1<<20)
	bound(b, "peak anonymous memory of the conversion", fmt.Sprintf("%.0f MiB", memory), fmt.Sprintf("%.0f MiB", goal), verdict(memory, goal))
	memory = float64(r.optedIn.memory) / (1 << 20)
	bound(b, fmt.Sprintf("peak anonymous memory of a server for `opt_in` after the push, published again (%.2f CPU s)", r.optedIn.cpu), fmt.Sprintf("%.0f MiB", memory), fmt.Sprintf("%.0f MiB", goal), verdict(memory, goal))
	memory = float64(r.raw.memory) / (1 << 20)
	bound(b, "peak anonymous memory of the import before it", fmt.Sprintf("%.0f MiB", memory), fmt.Sprintf("%d MiB", importMemory), verdict(memory, importMemory))
	memory = float64(r.huge.cost.memory) / (1 << 20)
	bound(b, fmt.Sprintf("`rehome import --large-files lfs` of one file of %.0f GiB (%.1f CPU s, %.1f s), peak anonymous memory", float64(r.huge.size)/(1<<30), r.huge.cost.cpu, r.huge.cost.wall),
		fmt.Sprintf("%.0f MiB", memory), fmt.Sprintf("%d MiB", hugeMemory), verdict(memory, hugeMemory))
	bound(b, fmt.Sprintf("stale lines of root .gitattributes in %d commits, where git-lfs leaves %d", c.ours.commits, c.theirs.stale), fmt.Sprint(c.ours.stale), "0", verdict(float64(c.ours.stale), 0))
	fmt.Fprintf(b, "| an author mapped after the conversion, published again, CPU s | %s | | |\n", spread(processor(r.remapped), 2))
	fmt.Fprintf(b, "\nThe Git LFS objects of both sides are the same %d, each hashed; the trees of all %d refs are the same, the root .gitattributes aside.\n", c.objects, c.refs)
	b.WriteString("`git check-attr` finds each pointer of each commit covered, and there are as many lines as pointers. The author map afterwards made neither the\n")
	b.WriteString("content pack nor an object anew. The huge file came back from a clone with git-lfs as it was.\n")
}
