package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/survey"
)

// innerCommand makes this program do one part of the work, so that only that is measured.
const innerCommand = "inner"

// largeOver is the size large files are counted from.
const largeOver = 100 << 20

// inner runs: bare|survey FORMAT PACK DIR, rewrite|convert RAW INTO WORK, or ask BASE RATE PATHS.
func inner(args []string) error {
	if len(args) != 4 {
		return errors.New("inner: want KIND and three more")
	}
	switch args[0] {
	case "rewrite":
		return innerRewrite(context.Background(), args[1], args[2], args[3])
	case "convert":
		return innerConvert(context.Background(), args[1], args[2], args[3])
	}
	if args[0] == "ask" {
		return innerAsk(args[1], args[2], args[3])
	}
	format := object.SHA1
	if args[1] == "sha256" {
		format = object.SHA256
	}
	in, err := os.Open(args[2])
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := repo.Init(args[3], format)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if args[0] == "bare" {
		_, err = r.Receive(ctx, bufio.NewReaderSize(in, 1<<16), repo.ReceiveOptions{})
		return err
	}
	s := survey.New(survey.Options{Format: format, LargeOver: largeOver, Workers: runtime.GOMAXPROCS(0)})
	if _, err = r.Receive(ctx, bufio.NewReaderSize(in, 1<<16), repo.ReceiveOptions{Visit: s.Visit}); err != nil {
		return err
	}
	objects, err := r.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	refs, err := subjectRefs(filepath.Join(args[3], "..", "refs"))
	if err != nil {
		return err
	}
	_, err = s.Finish(ctx, objects, refs, "")
	return err
}

// subjectRefs reads lines of an id and a ref's name.
func subjectRefs(file string) ([]repo.Ref, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var refs []repo.Ref
	for scan := bufio.NewScanner(in); scan.Scan(); {
		var id, name string
		if _, err := fmt.Sscan(scan.Text(), &id, &name); err != nil {
			return nil, err
		}
		parsed, err := object.ParseID(id)
		if err != nil {
			return nil, err
		}
		refs = append(refs, repo.Ref{Name: name, ID: parsed})
	}
	return refs, nil
}
