package crash

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// How long an import may take to its end once everything works, and a webhook that was refused twice until it comes again.
const (
	bound     = 4 * time.Minute
	hookBound = 8 * time.Minute
)

// judge wants every import to end, and to be what it says.
func judge(t *testing.T, h *house, jobs []*job) {
	h.t, h.tally.lost = t, len(jobs)
	whole := make(chan bool, len(jobs))
	for _, j := range jobs {
		j.t = t
	}
	town := jobs[0].w
	town.calm.Store(true)
	each(jobs, func(j *job) error {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		defer cancel()
		err := j.judge(ctx)
		whole <- err == nil
		return err
	})
	for range jobs {
		if <-whole {
			h.tally.lost--
		}
	}
	for _, j := range jobs {
		for cause, n := range j.causes {
			h.tally.causes[cause] += n
		}
	}
	for what, n := range town.bad {
		h.tally.kinds[what] += n
	}
	h.explain(t)
}

// explanation is why an import may fail: what its cause says, and what has to have been done then.
type explanation struct {
	cause *regexp.Regexp
	by    []string
}

var explanations = []explanation{
	{regexp.MustCompile(`no room left|no space left`), []string{"ENOSPC"}},
	{regexp.MustCompile(`^raw: .*(stopped sending|did not answer|busy|503|cut off|breaks? off|closed)`), []string{"answer cut off", "server busy", "server stalled"}},
	{regexp.MustCompile(`^push: .*(stopped|did not answer|busy|503|cut off|breaks? off|closed)`), []string{"answer cut off", "server busy", "server stalled"}},
	{regexp.MustCompile(`object store .* does not answer`), []string{"object store killed"}},
	{regexp.MustCompile(`Something went wrong inside`), []string{"EIO", "object store killed"}},
}

// explain wants every failure on the way to have come from something that was done.
func (h *house) explain(t *testing.T) {
	for cause := range h.tally.causes {
		explained := slices.ContainsFunc(explanations, func(e explanation) bool {
			return e.cause.MatchString(cause) && slices.ContainsFunc(e.by, func(kind string) bool { return h.tally.kinds[kind] > 0 })
		})
		if !explained {
			t.Errorf("nothing explains that imports failed for %q", cause)
		}
	}
	for line, n := range h.complaints() {
		t.Logf("%s: logged %d times: %s", h.tally.house, n, line)
	}
}

// complaints counts the errors in the logs, without what is another each time.
func (h *house) complaints() map[string]int {
	counts := map[string]int{}
	for _, p := range h.all() {
		text, err := os.ReadFile(p.log)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if _, said, ok := strings.Cut(strings.TrimSpace(line), "level=ERROR "); ok {
				counts[anyNumber.ReplaceAllString(said, "…")]++
			}
		}
	}
	return counts
}

var anyNumber = regexp.MustCompile(`r?[0-9A-Fa-f]*[0-9][0-9A-Fa-f:-]*|request=\S*`)

// judge is one import, from its end.
func (j *job) judge(ctx context.Context) error {
	if err := j.bring(ctx); err != nil {
		return fmt.Errorf("it does not end: %w", err)
	}
	if j.cancelled {
		j.h.tally.found("imports that were cancelled", 1)
		return j.hooksAreRight(ctx)
	}
	if slices.ContainsFunc(j.steps, func(s step) bool { return s.what == grow }) {
		// What grew while it ran is taken up when it is asked again.
		if err := j.do(ctx, restart); err != nil {
			return err
		}
		if err := j.bring(ctx); err != nil {
			return fmt.Errorf("it does not end again: %w", err)
		}
	}
	j.h.tally.found("imports that are complete", 1)
	dir, err := os.MkdirTemp(j.h.dir, "judge-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	there, err := j.fetch(ctx, dir)
	if err != nil {
		return err
	}
	var all []error
	for _, look := range []func(context.Context, string, string) error{j.refsAreRight, j.commitsAreRight, j.receiptIsRight, j.pushesAreRight} {
		all = append(all, look(ctx, dir, there))
	}
	return errors.Join(append(all, j.hooksAreRight(ctx))...)
}

// fetch returns a repository that has what the destination has, checked for being whole.
func (j *job) fetch(ctx context.Context, dir string) (string, error) {
	if j.to != "" {
		at := j.w.destination(j.name)
		_, err := testenv.Run(ctx, at, nil, "fsck", "--connectivity-only")
		return at, err
	}
	at := filepath.Join(dir, "clone.git")
	_, err := testenv.Run(ctx, dir, nil, "-c", "http.extraHeader=Authorization: token "+adminToken, "-c", "fetch.fsckObjects=true", "clone", "-q", "--mirror", j.h.api.base+"/admin/"+j.name+".git", at)
	return at, err
}

// refsAreRight compares with what a run of the command line makes of the same source, which nobody disturbs.
func (j *job) refsAreRight(ctx context.Context, dir, there string) error {
	want := filepath.Join(dir, "want.git")
	args := []string{"import", "--quiet", "--large-files-over", fmt.Sprint(largeOver)}
	if j.map_ > 0 {
		file := filepath.Join(dir, "authors")
		if err := os.WriteFile(file, []byte(j.mailmap()), 0o600); err != nil {
			return err
		}
		args = append(args, "--authors", file)
	}
	switch j.choice {
	case convert:
		args = append(args, "--large-files", "lfs")
	case remove:
		args = append(args, "--large-files", "remove", "--remove-from-tips")
	}
	cmd := exec.CommandContext(ctx, program, append(args, j.w.origin+"/"+j.name+".git", want)...)
	cmd.Env = append(testenv.Env(), faultIn+"=")
	// Refs that are left behind, as some of every forge are, make it exit with 3.
	if said, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		return fmt.Errorf("undisturbed: %w: %s", err, said)
	}
	have, wanted := refsOf(ctx, there), refsOf(ctx, want)
	if !maps.Equal(have, wanted) || len(have) == 0 {
		return fmt.Errorf("the destination has %v, want %v", have, wanted)
	}
	j.h.tally.found("refs", len(have))
	return j.objectsAreThere(want)
}

// refsOf returns the ids of a repository's refs; none when it cannot be read.
func refsOf(ctx context.Context, dir string) map[string]string {
	refs := map[string]string{}
	text, err := testenv.Run(ctx, dir, nil, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(text) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs[name] = id
		}
	}
	return refs
}

// objectsAreThere wants the Git LFS objects that the undisturbed run left at the forge, too. On the host, rehome check looks.
func (j *job) objectsAreThere(want string) error {
	if j.to == "" {
		return nil
	}
	return filepath.WalkDir(filepath.Join(want, "lfs", "objects"), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		oid, err := lfs.ParseOID(d.Name())
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !j.w.here.Has(lfs.Object{OID: oid, Size: info.Size()}) {
			err = fmt.Errorf("the forge lacks the Git LFS object %s", oid)
		}
		j.h.tally.found("Git LFS objects", 1)
		return err
	})
}

// commitsAreRight compares every commit byte for byte with what the map should make of it, along the commit map that the API
// gives. With other trees the undisturbed run has to do.
func (j *job) commitsAreRight(ctx context.Context, _, there string) error {
	if j.choice != "" {
		return nil
	}
	text, err := j.h.api.call(ctx, "GET", "/repos/admin/"+j.name+"/import/commit_map", "", 200)
	if err != nil {
		return err
	}
	commits, err := testenv.ReadCommitMap(text)
	if err != nil {
		return err
	}
	done, err := testenv.Rewritten{People: j.people(), Commits: commits}.Compare(ctx, j.w.source(j.name), there)
	j.h.tally.found("commits", int(done.Commits))
	return err
}

// sumOf is the last key of a receipt.
var sumOf = regexp.MustCompile(`, "sha256": "([0-9a-f]*)"}\n*$`)

// receiptIsRight wants a receipt to be of these refs, and to sum to what it says.
func (j *job) receiptIsRight(ctx context.Context, _, there string) error {
	text, err := j.h.api.call(ctx, "GET", "/repos/admin/"+j.name+"/import/receipt", "", 200)
	if err != nil {
		return err
	}
	found := sumOf.FindSubmatch(text)
	if found == nil || fmt.Sprintf("%x", sha256.Sum256(sumOf.ReplaceAll(text, []byte("}")))) != string(found[1]) {
		return fmt.Errorf("the receipt does not sum to what it says: %s", text)
	}
	var receipt struct {
		Status     string
		Refs       []struct{ Name, Final, Destination string }
		LargeFiles struct{ Choice string } `json:"large_files"`
	}
	if err := json.Unmarshal(text, &receipt); err != nil {
		return err
	}
	listed, have := map[string]string{}, refsOf(ctx, there)
	for _, r := range receipt.Refs {
		listed[r.Name] = r.Final
		if r.Final != r.Destination {
			return fmt.Errorf("the receipt has %s at %s and at %s", r.Name, r.Final, r.Destination)
		}
	}
	if !maps.Equal(listed, have) || receipt.Status != "complete" || receipt.LargeFiles.Choice != cmp.Or(j.choice, "undecided") {
		return fmt.Errorf("the receipt says %v, and there is %v", receipt, have)
	}
	j.h.tally.found("receipts", 1)
	return nil
}

// pushesAreRight reads what became of refs at the forge: each update begins where the last one ended, no ref is ever again what
// it was, and none goes back to an older author map.
func (j *job) pushesAreRight(ctx context.Context, _, there string) error {
	if j.to == "" {
		return nil
	}
	logs := filepath.Join(there, "logs")
	return filepath.WalkDir(filepath.Join(logs, "refs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		j.h.tally.found("updates of refs", strings.Count(string(text), "\n"))
		if err := j.historyIsRight(ctx, there, string(text)); err != nil {
			return fmt.Errorf("%s: %w:\n%s", strings.TrimPrefix(path, logs+"/"), err, text)
		}
		return nil
	})
}

func (j *job) historyIsRight(ctx context.Context, there, reflog string) error {
	at, newest, seen := strings.Repeat("0", 40), 0, map[string]bool{}
	for line := range strings.Lines(reflog) {
		from, to := line[:40], line[41:81]
		if from != at || seen[to] {
			return fmt.Errorf("%s follows %s", line, at)
		}
		at, seen[to] = to, true
		map_, err := mapOf(ctx, there, to)
		if err != nil {
			return err
		}
		if map_ < newest || map_ > j.map_ {
			return fmt.Errorf("%s has map %d after %d", to, map_, newest)
		}
		newest = map_
	}
	return nil
}

var mapped = regexp.MustCompile(`-([0-9]+)@new\.example`)

// mapOf returns which of the author maps made what an id leads to, 0 for none. Blobs and trees have none.
func mapOf(ctx context.Context, dir, id string) (newest int, err error) {
	kind, err := testenv.Run(ctx, dir, nil, "cat-file", "-t", id+"^{}")
	if err != nil || kind != "commit" {
		return 0, err
	}
	people, err := testenv.Run(ctx, dir, nil, "log", "--format=%ae %ce", id)
	for _, found := range mapped.FindAllStringSubmatch(people, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, err
}

// hooksAreRight wants one delivery for each end, and each to have been taken.
func (j *job) hooksAreRight(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hookBound)
	defer cancel()
	var all []delivery
	for again := false; ; again = true {
		var err error
		if all, err = j.h.api.deliveries(ctx, j.name, j.hook); err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(d delivery) bool { return d.Event == "ping" })
		open := j.notTaken(all)
		if len(open) == 0 {
			break
		}
		if j.h.plan.short && !again { // in a minute it would come again by itself
			for _, d := range open {
				if _, err := j.h.api.call(ctx, "POST", fmt.Sprintf("/repos/admin/%s/hooks/%d/deliveries/%d/attempts", j.name, j.hook, d.ID), "", 202); err != nil {
					return err
				}
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("webhooks are not taken: %+v", open)
		}
	}
	return j.endsAreRight(all)
}

// notTaken returns the ends that the receiver has not taken yet.
func (j *job) notTaken(all []delivery) (open []delivery) {
	taken := map[string]bool{}
	for _, one := range j.w.heard(j.name) {
		taken[one.guid] = taken[one.guid] || one.taken
	}
	for _, d := range all {
		if !taken[d.GUID] {
			open = append(open, d)
		}
	}
	return open
}

// endsAreRight holds what the receiver was told against what the import went through.
func (j *job) endsAreRight(all []delivery) error {
	known := map[string]bool{}
	for _, d := range all {
		known[d.GUID] = true
	}
	ends := map[string]string{} // by id
	for _, one := range j.w.heard(j.name) {
		if was := ends[one.guid]; was != "" && was != one.status || !known[one.guid] {
			return fmt.Errorf("the receiver was told %+v, after %q; stored are %+v", one, was, all)
		}
		ends[one.guid] = one.status
	}
	counts := map[string]int{}
	for _, status := range ends {
		counts[status]++
	}
	last := "" // the newest end, not what was asked for again since
	if n := slices.IndexFunc(all, func(d delivery) bool { return !d.Redelivery }); n >= 0 {
		last = ends[all[n].GUID]
	}
	j.h.tally.found("webhooks", len(ends))
	switch {
	case j.cancelled && (last == "failure" || counts["cancelled"] > 1):
	case !j.cancelled && (last != "success" || counts["cancelled"] > 0):
	case counts["success"] > 1+j.changes, counts["failure"] > 1+j.changes:
	case j.changes == 0 && counts["failure"] > 0:
	default:
		return nil
	}
	return fmt.Errorf("ends %v with %q the last, after %d changes (%d of them because it had failed)", counts, last, j.changes, j.restarts)
}

// judgeAtRest holds what the server kept against itself.
func judgeAtRest(t *testing.T, h *house, _ []*job) {
	cmd := exec.CommandContext(t.Context(), program, append([]string{"check", "--read-data", "--quiet", "--data", h.first.dir}, h.shared()...)...)
	cmd.Env = append(append(testenv.Env(), h.first.env...), faultIn+"=")
	said, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	t.Logf("%s: rehome check: %s", h.tally.house, lines[len(lines)-1])
	if err != nil {
		t.Errorf("rehome check: %v:\n%s", err, said)
	}
	if leaks := left(h); len(leaks) > 0 {
		t.Logf("%s: left in work folders: %v", h.tally.house, leaks)
	}
}

// left returns what lies in the folders for work in progress.
func left(h *house) (names []string) {
	for _, p := range h.all() {
		found, _ := filepath.Glob(filepath.Join(p.dir, "work", "*")) //nolint:errcheck // the pattern is good
		names = append(names, found...)
	}
	return names
}
