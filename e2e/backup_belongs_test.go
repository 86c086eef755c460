package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome/internal/bucket"
	"rehome/internal/testenv"
)

// with is a place whose environment has others of some variables.
func (p places) with(env ...string) places {
	return places{data: p.data, env: append(slices.Clone(p.env), env...)}
}

// says wants an exit code, and words in what is said.
func (m *mover) says(at places, code int, words string, args ...string) {
	m.t.Helper()
	if said := m.run(at, code, args...); !strings.Contains(said, words) {
		m.t.Errorf("rehome %s says %q, want %q", strings.Join(args, " "), said, words)
	}
}

// belongs: a server's database and its bucket belong together, and each machine's folder has a cache only of what is in the bucket.
func (m *mover) belongs(ours, theirs places) {
	m.t.Helper()
	worker := ours.with()
	worker.data = filepath.Join(m.dir, "worker")
	if err := os.Mkdir(worker.data, 0o700); err != nil {
		m.t.Fatal(err)
	}
	for name, args := range map[string][]string{"plain": {}, "whole": {"--with-bucket"}} {
		said := m.run(worker, 0, append([]string{"backup", "--data", worker.data, "worker-" + name}, args...)...)
		if strings.Contains(said, "damaged") || !strings.Contains(said, "not in it: the repositories of the built-in host") {
			m.t.Errorf("a backup from a worker's folder says %q", said)
		}
		m.run(ours, 0, append([]string{"backup", "--data", ours.data, "ours-" + name}, args...)...)
	}
	m.run(worker, 0, "check", "--data", worker.data)

	url := "s3://second?endpoint=" + m.store.URL
	forgotten := ours.with("REHOME_BUCKET=")
	m.says(forgotten, 1, "Give --bucket '"+url+"'.", "check", "--data", ours.data)
	m.says(forgotten, 1, "Give --bucket '"+url+"'.", "backup", "--data", ours.data, "forgotten")
	another := ours.with("REHOME_BUCKET=s3://fourth?endpoint=" + m.store.URL)
	m.says(another, 1, "another one than s3://fourth?endpoint="+m.store.URL+": "+url, "check", "--data", ours.data)
	m.says(another, 1, "another one than s3://fourth", "backup", "--data", ours.data, "another")
	robbed := ours.with(theirs.env[len(theirs.env)-1])
	m.says(robbed, 1, "belongs to another database. This one's is "+url, "check", "--data", ours.data)
	for _, at := range []places{forgotten, another, robbed} {
		env := append(append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken), at.env...)
		if s, err := start(m.dir, env, []string{"--data", ours.data}); err == nil || !strings.Contains(err.Error(), "Give --bucket '"+url+"'.") {
			m.t.Errorf("with %s the server starts: %v", at.env[len(at.env)-1], err)
			s.stop(os.Kill)
		}
	}
	m.says(ours, 1, `there is no data folder "nosuch"`, "check", "--data", "nosuch")
	m.says(ours, 1, `there is no data folder "nosuch"`, "backup", "--data", "nosuch", "none")
	m.says(ours, 0, "the database and the bucket alone are checked", "check")
	if left, _ := filepath.Glob(filepath.Join(m.dir, "rehome-data")); len(left) > 0 {
		m.t.Error("a check made a data folder")
	}
}

// noTraces: a restore that fails leaves nothing behind, and looks before it copies.
func (m *mover) noTraces(used places) {
	m.t.Helper()
	into := m.places("traces", m.pg.NewDatabase(m.t), "fourth")
	m.says(into.with(used.env[2]), 1, "The database is not empty", "restore", "saved", "--data", into.data)
	m.wantEmpty("fourth")
	m.says(into.with("REHOME_BUCKET=s3://second?endpoint="+m.store.URL), 1, "belongs to another database", "restore", "saved", "--data", into.data)
	rows := filepath.Join(m.dir, "saved", "rows", "tokens.jsonl")
	text, err := os.ReadFile(rows)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, damaged := range [][]byte{text[1:], append([]byte{'!'}, text[1:]...)} { // seen before anything is copied, and after the bucket was filled
		if err := os.WriteFile(rows, damaged, 0o600); err != nil {
			m.t.Fatal(err)
		}
		m.says(into, 1, "rows/tokens.jsonl: the backup is damaged", "restore", "saved", "--data", into.data)
		m.wantEmpty("fourth")
		if left, _ := os.ReadDir(into.data); len(left) > 0 {
			m.t.Errorf("left behind: %v", left)
		}
	}
	if err := os.WriteFile(rows, text, 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.run(into, 0, "restore", "saved", "--data", into.data)
	m.run(into, 0, "check", "--data", into.data, "--read-data")
}

// wantEmpty wants nothing to be in a bucket.
func (m *mover) wantEmpty(name string) {
	m.t.Helper()
	b, err := bucket.OpenURL(m.t.Context(), "s3://"+name+"?endpoint="+m.store.URL, bucket.S3Options{Keys: bucket.Keys{ID: m.store.Key, Secret: m.store.Secret}})
	if err != nil {
		m.t.Fatal(err)
	}
	defer b.(*bucket.S3).Close()
	for f, err := range b.List(m.t.Context(), "") {
		m.t.Errorf("in the bucket %s is %s (%v)", name, f.Key, err)
	}
}
