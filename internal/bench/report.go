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
)

// write renders the results as docs/benchmarks.md.
func write(ctx context.Context, s settings, results []result) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench`. Processor time is user and system with all children, in seconds; memory is the peak of\n")
	fmt.Fprintf(&b, "anonymous memory of a process and its children (RssAnon, looked at every %v). The two sides ran in turn, %d pairs;\n", memoryEvery, s.pairs)
	fmt.Fprintf(&b, "figures are min / **median** / max, a ratio is taken within each pair. The source is `git http-backend` on loopback and counts for neither side.\n\n")
	fmt.Fprintf(&b, "* program: %s\n* machine: %s\n* %s, %s\n* date: %s\n", revision(ctx, s.rehome), machine(), runtime.Version(), gitVersion(ctx), time.Now().UTC().Format(time.DateOnly))
	for _, r := range results {
		section(&b, r)
	}
	return os.WriteFile(s.out, b.Bytes(), 0o644)
}

func section(b *bytes.Buffer, r result) {
	fmt.Fprintf(b, "\n## %s\n\n%d commits, %d objects, %.1f MB of packs.\n\n", r.name, r.commits, r.objects, float64(r.bytes)/1e6)
	b.WriteString("| work | ours, CPU s | git, CPU s | ratio | goal | ours, wall s | git, wall s | ours, MiB | git, MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	row(b, "`rehome import URL DIR` against `git clone --mirror`", r.cli, 0.75)
	row(b, "import into the host against `git clone --mirror` + `git push --mirror`", r.host, 0.45)
	fmt.Fprintf(b, "\n| measure | figure | goal | |\n|---|---|---|---|\n")
	peak := max(slices.Max(column(r.cli, ourMemory)), slices.Max(column(r.host, ourMemory)))
	fmt.Fprintf(b, "| peak anonymous memory of both | %.0f MiB | ≤ 256 MiB | %s |\n", peak, verdict(peak, 256))
	fmt.Fprintf(b, "| last of %d authors known | %.1f %% of the stream | ≤ 25 %% | %s |\n", r.authors.authors, r.authors.percent, verdict(r.authors.percent, 25))
	var share, bare, surveyed, fsck []float64
	for _, one := range r.survey {
		share = append(share, one.share())
		bare, surveyed, fsck = append(bare, one.bare.cpu), append(surveyed, one.surveyed.cpu), append(fsck, one.fsck.cpu)
	}
	fmt.Fprintf(b, "| survey above bare indexing, share of `git fsck` (bare %.2f, surveyed %.2f, fsck %.2f CPU s) | %s | ≤ 0.100 | %s |\n",
		median(bare), median(surveyed), median(fsck), spread(share, 3), verdict(median(share), 0.1))
	fmt.Fprintf(b, "\nEvery ref and object id compared after each run; `git fsck` clean after: %s.\n", strings.Join(r.checked, ", "))
}

func row(b *bytes.Buffer, what string, pairs []pair, goal float64) {
	ratios := column(pairs, func(p pair) float64 { return p.ours.cpu / p.theirs.cpu })
	fmt.Fprintf(b, "| %s | %s | %s | %s | ≤ %.2f %s | %s | %s | %.0f | %.0f |\n", what,
		spread(column(pairs, func(p pair) float64 { return p.ours.cpu }), 2),
		spread(column(pairs, func(p pair) float64 { return p.theirs.cpu }), 2),
		spread(ratios, 3), goal, verdict(median(ratios), goal),
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
