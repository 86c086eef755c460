package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"rehome/internal/testenv"
)

// write renders the results as docs/benchmarks.md.
func write(ctx context.Context, s settings, results []result) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench`. Processor time is user and system with all children, in seconds; memory is the peak of\n")
	fmt.Fprintf(&b, "anonymous memory of a process and its children (RssAnon, looked at every %v). The two sides ran in turn, %d pairs;\n", testenv.MemoryEvery, s.pairs)
	fmt.Fprintf(&b, "figures are min / **median** / max, a ratio is taken within each pair. `git filter-repo` ran once, and stands in each pair. The source is `git http-backend` on loopback and counts for neither side.\n\n")
	circumstances(ctx, &b, s)
	for _, r := range results {
		section(&b, r)
	}
	return os.WriteFile(s.out, b.Bytes(), 0o644)
}

// circumstances says what was measured, where and when.
func circumstances(ctx context.Context, b *bytes.Buffer, s settings) {
	fmt.Fprintf(b, "* program: %s\n* machine: %s\n* %s, %s\n* date: %s\n", revision(ctx, s.rehome), machine(), runtime.Version(), gitVersion(ctx), time.Now().UTC().Format(time.DateOnly))
}

func section(b *bytes.Buffer, r result) {
	fmt.Fprintf(b, "\n## %s\n\n%d commits, %d objects, %.1f MB of packs.\n\n", r.name, r.commits, r.objects, float64(r.bytes)/1e6)
	b.WriteString("| work | ours, CPU s | git, CPU s | ratio | goal | ours, wall s | git, wall s | ours, MiB | git, MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	row(b, "`rehome import URL DIR` against `git clone --mirror`", r.cli, 0.75)
	row(b, "import into the host against `git clone --mirror` + `git push --mirror`", r.host, 0.45)
	row(b, "the same with an author map known before the push", r.mapped, 0.50)
	row(b, "author rewrite alone against `git filter-repo --mailmap FILE --partial`", r.rewrite.partial, rewriteGoal(r, 15))
	row(b, "author rewrite alone against `git filter-repo --mailmap FILE`", r.rewrite.plain, rewriteGoal(r, 25))
	row(b, "`rehome authors PATH` against `git log --all --format=…`", r.listing, 1)
	b.WriteString("\n| measure | figure | goal | |\n|---|---|---|---|\n")
	peak := max(highest(r.cli), highest(r.host), highest(r.mapped))
	bound(b, "peak anonymous memory of the imports", fmt.Sprintf("%.0f MiB", peak), fmt.Sprintf("%d MiB", importMemory), verdict(peak, importMemory))
	known := r.authors.percent
	bound(b, fmt.Sprintf("last of %d authors known", r.authors.authors), fmt.Sprintf("%.1f %% of the stream", known), "25 %", verdict(known, 25))
	surveyRow(b, r.survey)
	rewriteRows(b, r)
	fmt.Fprintf(b, "\nEvery ref and object id compared after each run; after a rewrite every commit and tag byte for byte with what the source's should\n")
	fmt.Fprintf(b, "become. `git fsck` clean after: %s.\n", strings.Join(r.checked, ", "))
	ids := r.rewrite.ids
	fmt.Fprintf(b, "\n%d of %d commits (notes aside) get the id that `git filter-repo` gives them. It keeps the ids of %d when it has nothing\n", ids.equal, ids.commits, ids.kept)
	b.WriteString("to do; the others it cannot represent (odd modes in trees, signatures, headers it does not know). All that it represents are equal.\n")
}

const (
	importMemory  = 256 // MiB
	rewriteMemory = 64  // MiB, and perCommit
	perCommit     = 2.5 // KB
	remapGoal     = 1.5 // CPU s, at 85,000 commits
)

func bound(b *bytes.Buffer, what, figure, goal, met string) {
	fmt.Fprintf(b, "| %s | %s | ≤ %s | %s |\n", what, figure, goal, met)
}

func surveyRow(b *bytes.Buffer, survey surveyCost) {
	var share, bare, surveyed, fsck []float64
	for _, one := range survey {
		share = append(share, one.share())
		bare, surveyed, fsck = append(bare, one.bare.cpu), append(surveyed, one.surveyed.cpu), append(fsck, one.fsck.cpu)
	}
	bound(b, fmt.Sprintf("survey above bare indexing, share of `git fsck` (bare %.2f, surveyed %.2f, fsck %.2f CPU s)", median(bare), median(surveyed), median(fsck)),
		spread(share, 3), "0.100", verdict(median(share), 0.1))
}

func rewriteRows(b *bytes.Buffer, r result) {
	memory, goal := max(highest(r.rewrite.partial), highest(r.rewrite.plain)), rewriteMemory+perCommit*1000*float64(r.commits)/(1<<20)
	bound(b, fmt.Sprintf("peak anonymous memory of the author rewrite (%d commits and %d tags changed)", r.rewrite.done.CommitsChanged, r.rewrite.done.TagsChanged),
		fmt.Sprintf("%.0f MiB", memory), fmt.Sprintf("%.0f MiB", goal), verdict(memory, goal))
	share := 100 * float64(r.remap.commits) / float64(r.commits)
	for _, one := range []struct {
		when string
		runs []cost
	}{{"after the push", r.remap.plain}, {"after the busiest was mapped", r.remap.mapped}} {
		remap := processor(one.runs)
		bound(b, fmt.Sprintf("an author mapped %s, %d commits (%.1f %%), published again, CPU s", one.when, r.remap.commits, share),
			spread(remap, 2), fmt.Sprint(remapGoal), verdict(median(remap), remapGoal))
	}
	fmt.Fprintf(b, "| a map that matches nobody (writes nothing, every id stays), CPU s | %s | | |\n", spread(processor(r.rewrite.nobody), 2))
}

func processor(runs []cost) []float64 {
	var list []float64
	for _, c := range runs {
		list = append(list, c.cpu)
	}
	return list
}

// highest is our peak of memory in MiB.
func highest(pairs []pair) float64 { return slices.Max(column(pairs, ourMemory)) }

// rewriteGoal is one of that many, for histories that are large enough to tell; 0 for others.
func rewriteGoal(r result, times float64) float64 {
	if r.commits < 50_000 {
		return 0
	}
	return 1 / times
}

// row compares pairs with a goal, 0 for none.
func row(b *bytes.Buffer, what string, pairs []pair, goal float64) {
	ratios := column(pairs, func(p pair) float64 { return p.ours.cpu / p.theirs.cpu })
	met := "–"
	if goal > 0 {
		met = fmt.Sprintf("≤ %.3g %s", goal, verdict(median(ratios), goal))
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %.0f | %.0f |\n", what,
		spread(column(pairs, func(p pair) float64 { return p.ours.cpu }), 2),
		spread(column(pairs, func(p pair) float64 { return p.theirs.cpu }), 2),
		spread(ratios, 3), met,
		spread(column(pairs, func(p pair) float64 { return p.ours.wall }), 1),
		spread(column(pairs, func(p pair) float64 { return p.theirs.wall }), 1),
		slices.Max(column(pairs, ourMemory)),
		slices.Max(column(pairs, func(p pair) float64 { return float64(p.theirs.memory) / (1 << 20) })))
}

func ourMemory(p pair) float64 { return float64(p.ours.memory) / (1 << 20) }

func column(pairs []pair, value func(pair) float64) []float64 {
	var list []float64
	for _, p := range pairs {
		list = append(list, value(p))
	}
	return list
}

func verdict(figure, goal float64) string {
	if figure <= goal {
		return "met"
	}
	return "**missed**"
}

func spread(list []float64, digits int) string {
	return fmt.Sprintf("%.*f / **%.*f** / %.*f", digits, slices.Min(list), digits, median(list), digits, slices.Max(list))
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// revision is what the measured program says of itself.
func revision(ctx context.Context, program string) string {
	out, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// machine describes the processor, memory and system in one line.
func machine() string {
	model, memory := "unknown processor", "unknown memory"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		fmt.Sscanf(string(info), "MemTotal: %d kB", &kib)
		memory = fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
	}
	return fmt.Sprintf("%s, %d cores, %s, %s/%s", model, runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH)
}

func gitVersion(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return "git unknown"
	}
	return strings.TrimSpace(string(out))
}
