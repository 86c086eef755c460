package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"rehome/internal/testenv"
)

// forge takes pushes over smart HTTP on loopback, by git's own receive-pack, as a child of this program and of neither side.
// git-http-backend would do, but nothing that starts it from Go takes the chunked requests that git push makes.
type forge struct {
	base string
	root string
	got  atomic.Int64 // bytes of request bodies, as they came
	told atomic.Int64 // of them the commands that say which ref becomes what
	made int          // repositories so far
	http *http.Server
}

// home is a repository of a forge.
type home struct{ url, dir string }

func serveForge(root string) (*forge, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forge{base: "http://" + listener.Addr().String() + "/", root: root}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}/info/refs", func(w http.ResponseWriter, r *http.Request) {
		service := r.FormValue("service")
		w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
		line := "# service=" + service + "\n"
		fmt.Fprintf(w, "%04x%s0000", 4+len(line), line)
		f.run(w, r, service, "--advertise-refs")
	})
	mux.HandleFunc("POST /{name}/{service}", func(w http.ResponseWriter, r *http.Request) {
		service := r.PathValue("service")
		w.Header().Set("Content-Type", "application/x-"+service+"-result")
		f.run(w, r, service)
	})
	f.http = &http.Server{Handler: mux}
	go f.http.Serve(listener)
	return f, nil
}

func (f *forge) close() { f.http.Close() }

// run has git answer a request. Nothing is tidied up behind the sender's back.
func (f *forge) run(w http.ResponseWriter, r *http.Request, service string, flags ...string) {
	if service != "git-upload-pack" && service != "git-receive-pack" {
		http.Error(w, "no such service", http.StatusNotFound)
		return
	}
	http.NewResponseController(w).EnableFullDuplex() // git may talk before it has heard all
	in := io.Reader(&counting{r.Body, &f.got})
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in = plain
	}
	if service == "git-receive-pack" && r.Method == "POST" {
		in = f.commands(in)
	}
	args := append([]string{"-c", "gc.auto=0", "-c", "receive.autogc=false", strings.TrimPrefix(service, "git-"), "--stateless-rpc"}, flags...)
	cmd := exec.CommandContext(r.Context(), "git", append(args, filepath.Join(f.root, r.PathValue("name")))...)
	cmd.Env = testenv.Env()
	if asked := r.Header.Get("Git-Protocol"); asked != "" && service == "git-upload-pack" {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+asked)
	}
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, w, &said
	if err := cmd.Run(); err != nil {
		log.Printf("%s: %v: %s", service, err, said.String())
	}
}

// commands counts the packet lines that a push begins with, and returns all that was to be read.
func (f *forge) commands(in io.Reader) io.Reader {
	var lines bytes.Buffer
	for {
		var size int64
		begun := lines.Len()
		if _, err := io.CopyN(&lines, in, 4); err != nil {
			return &lines // it is what git has to complain about
		}
		fmt.Sscanf(lines.String()[begun:], "%04x", &size)
		if size < 4 {
			f.told.Add(int64(lines.Len()))
			return io.MultiReader(&lines, in)
		}
		io.CopyN(&lines, in, size-4) // what is missing is missed above
	}
}

// counting counts what is read.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// empty makes a repository.
func (f *forge) empty(ctx context.Context) (home, error) {
	h := f.next()
	_, err := git(ctx, f.root, "init", "-q", "--bare", h.dir)
	return h, err
}

// copied makes a repository like one that is there.
func (f *forge) copied(ctx context.Context, from home) (home, error) {
	h := f.next()
	_, err := git(ctx, f.root, "clone", "-q", "--mirror", from.dir, h.dir)
	return h, err
}

func (f *forge) next() home {
	f.made++
	name := fmt.Sprintf("home-%d.git", f.made)
	return home{f.base + name, filepath.Join(f.root, name)}
}

func (h home) remove() { os.RemoveAll(h.dir) }
