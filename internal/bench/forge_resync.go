package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// resyncCommits is how many new commits a resync brings, or a few more where history does not split there.
const resyncCommits = 10

// resyncs are later runs of the command after the source's default branch moved along its own history, against git fetch and git push in a mirror.
type resyncs struct {
	commits       []float64
	plain, mapped []pair
	sent          [3][]float64 // bytes: plain, mapped, git
}

// resyncs goes back in a copy of the source, moves that, and then takes the source forward again.
func (l *forgeLab) resyncs(ctx context.Context) (all resyncs, err error) {
	copied := filepath.Join(l.work, "moving.git")
	if err := os.RemoveAll(copied); err != nil {
		return all, err
	}
	defer os.RemoveAll(copied)
	if _, err := git(ctx, l.work, "clone", "-q", "--mirror", l.subject.dir, copied); err != nil {
		return all, err
	}
	tips, err := goBack(ctx, copied, l.settings.pairs)
	if err != nil {
		return all, err
	}
	moving := *l.lab
	moving.subject.dir = copied
	if moving.from, err = serve(ctx, copied); err != nil {
		return all, err
	}
	defer moving.from.close()
	m := &forgeLab{&moving, l.to}
	_, err = m.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		t, err := m.moved(ctx, dir)
		if err != nil {
			return cost{}, err
		}
		for _, tip := range tips {
			if err := t.forward(ctx, tip, &all); err != nil {
				return cost{}, fmt.Errorf("resync: %w", err)
			}
		}
		return cost{}, nil
	})
	l.checked = moving.checked
	return all, err
}

// tip is a place on the default branch, and how many commits it brings.
type tip struct {
	id      string
	commits int
}

// goBack takes the default branch of a repository back, with the notes about what is then new, and drops other refs to that. It returns the
// ways forward, in order.
func goBack(ctx context.Context, dir string, steps int) ([]tip, error) {
	tips, base, err := stretches(ctx, dir, steps)
	if err != nil {
		return nil, err
	}
	head, err := git(ctx, dir, "symbolic-ref", "HEAD")
	if err != nil {
		return nil, err
	}
	out, err := git(ctx, dir, "rev-list", base+".."+head)
	if err != nil {
		return nil, err
	}
	newer := map[string]bool{}
	for id := range strings.FieldsSeq(out) {
		newer[id] = true
	}
	notes, err := notesWithout(ctx, dir, newer)
	if err != nil {
		return nil, err
	}
	gone, err := reaching(ctx, dir, newer)
	if err != nil {
		return nil, err
	}
	var commands strings.Builder
	commands.WriteString(notes)
	for _, name := range gone {
		if name != head {
			fmt.Fprintf(&commands, "delete %s\n", name)
		}
	}
	fmt.Fprintf(&commands, "update %s %s\n", head, base)
	return tips, setRefs(ctx, dir, commands.String())
}

// notesWithout is how notes have to be set back, as commands for git update-ref, so that none is about those commits: notes do not come first.
func notesWithout(ctx context.Context, dir string, newer map[string]bool) (commands string, err error) {
	refs, err := git(ctx, dir, "for-each-ref", "--format=%(refname)", "refs/notes/")
	if err != nil {
		return "", err
	}
	for ref := range strings.FieldsSeq(refs) {
		tips, err := git(ctx, dir, "rev-list", "--first-parent", ref)
		if err != nil {
			return "", err
		}
		set := "delete " + ref + "\n"
		for tip := range strings.FieldsSeq(tips) {
			names, err := git(ctx, dir, "ls-tree", "-r", "--name-only", tip)
			if err != nil {
				return "", err
			}
			about := func(name string) bool { return newer[strings.ReplaceAll(name, "/", "")] }
			if !slices.ContainsFunc(strings.Split(names, "\n"), about) {
				set = "update " + ref + " " + tip + "\n"
				break
			}
		}
		commands += set
	}
	return commands, nil
}

// reaching names the refs that reach one of those commits. git for-each-ref --contains would walk from each ref anew.
func reaching(ctx context.Context, dir string, newer map[string]bool) (names []string, err error) {
	marked := maps.Clone(newer)
	all, err := git(ctx, dir, "rev-list", "--all", "--topo-order", "--reverse", "--parents")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(all) { // parents come first
		ids := strings.Fields(line)
		if slices.ContainsFunc(ids[1:], func(id string) bool { return marked[id] }) {
			marked[ids[0]] = true
		}
	}
	refs, err := git(ctx, dir, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
	for line := range strings.Lines(refs) {
		name, ids, _ := strings.Cut(strings.TrimSpace(line), " ")
		if slices.ContainsFunc(strings.Fields(ids), func(id string) bool { return marked[id] }) {
			names = append(names, name)
		}
	}
	return names, err
}

// stretches finds places on the first parents of the default branch that have as few more than resyncCommits between them as can be.
func stretches(ctx context.Context, dir string, steps int) (tips []tip, base string, err error) {
	const far = 300
	out, err := git(ctx, dir, "rev-list", "--first-parent", "-n", strconv.Itoa(far), "HEAD")
	if err != nil {
		return nil, "", err
	}
	line := strings.Fields(out)
	brings := make([]int, len(line)-1)
	for n := range brings {
		count, err := git(ctx, dir, "rev-list", "--count", line[n+1]+".."+line[n])
		if err != nil {
			return nil, "", err
		}
		if brings[n], err = strconv.Atoi(count); err != nil {
			return nil, "", err
		}
	}
	fewest := math.MaxInt
	for from := range brings {
		found, at, sum := make([]tip, steps), from, 0
		for step := steps - 1; step >= 0; step-- {
			found[step].id = line[at]
			for ; at < len(brings) && found[step].commits < resyncCommits; at++ {
				found[step].commits += brings[at]
			}
			sum += found[step].commits
		}
		if found[0].commits >= resyncCommits && sum < fewest {
			tips, base, fewest = found, line[at], sum
		}
	}
	if tips == nil {
		return nil, "", errors.New("the history is too short for resyncs")
	}
	return tips, base, nil
}

// travelled is a source that moves, and its three new homes.
type travelled struct {
	*forgeLab
	dir                 string
	plain, mapped, gits home
	mapping             mapping
	mirror              string
}

// moved makes the homes, with what the source has now.
func (l *forgeLab) moved(ctx context.Context, dir string) (*travelled, error) {
	t := &travelled{forgeLab: l, dir: dir, mapping: l.mapping(dir, replaced), mirror: filepath.Join(dir, "mirror.git")}
	for _, h := range []*home{&t.plain, &t.mapped, &t.gits} {
		var err error
		if *h, err = l.to.empty(ctx); err != nil {
			return nil, err
		}
	}
	if err := t.mapping.write(); err != nil {
		return nil, err
	}
	if _, err := t.runPlain(ctx); err != nil {
		return nil, err
	}
	if _, err := t.runMapped(ctx); err != nil {
		return nil, err
	}
	if _, err := l.lab.mirror(ctx, dir); err != nil {
		return nil, err
	}
	_, err := t.push(ctx)
	return t, err
}

func (t *travelled) runPlain(ctx context.Context) (cost, error) {
	return timed(ctx, nil, environment(), t.rehome, "import", "--quiet", "--state", filepath.Join(t.dir, "plain"), t.from.URL, t.plain.url)
}

func (t *travelled) runMapped(ctx context.Context) (cost, error) {
	args := append([]string{"import", "--quiet", "--state", filepath.Join(t.dir, "mapped")}, t.mapping.flags()...)
	return timed(ctx, nil, environment(), t.rehome, append(args, t.from.URL, t.mapped.url)...)
}

func (t *travelled) fetchAndPush(ctx context.Context) (cost, error) {
	fetched, err := timed(ctx, nil, environment(), "git", "-C", t.mirror, "fetch", "-q", "--prune")
	if err != nil {
		return cost{}, err
	}
	pushed, err := t.push(ctx)
	return fetched.plus(pushed), err
}

func (t *travelled) push(ctx context.Context) (cost, error) {
	return timed(ctx, nil, environment(), "git", "-C", t.mirror, "push", "-q", "--mirror", t.gits.url)
}

// forward moves the source to a tip and brings all three homes after it.
func (t *travelled) forward(ctx context.Context, to tip, all *resyncs) (err error) {
	head, err := git(ctx, t.subject.dir, "symbolic-ref", "HEAD")
	if err != nil {
		return err
	}
	if err := setRefs(ctx, t.subject.dir, "update "+head+" "+to.id+"\n"); err != nil {
		return err
	}
	if t.want, err = contents(ctx, t.subject.dir); err != nil {
		return err
	}
	var costs [3]cost
	for n, run := range []func(context.Context) (cost, error){t.runPlain, t.runMapped, t.fetchAndPush} {
		got := t.to.got.Load()
		if costs[n], err = run(ctx); err != nil {
			return err
		}
		sent := t.to.got.Load() - got
		log.Printf("resync of %d commits, %s: %.2f s of processor, %.2f s, %d bytes sent", to.commits, [...]string{"plain", "mapped", "git"}[n], costs[n].cpu, costs[n].wall, sent)
		all.sent[n] = append(all.sent[n], float64(sent))
	}
	all.commits = append(all.commits, float64(to.commits))
	all.plain, all.mapped = append(all.plain, pair{costs[0], costs[2]}), append(all.mapped, pair{costs[1], costs[2]})
	return errors.Join(
		t.check(ctx, "resync", t.plain.dir),
		t.checkMappedTo(ctx, "resync with an author map", t.mapped, t.mapping),
		t.check(ctx, "git's resync", t.gits.dir))
}
