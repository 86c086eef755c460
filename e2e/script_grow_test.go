package e2e

import (
	"context"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome/internal/testenv"
)

// grow: grow DIR BRANCH N adds N commits to a branch of the bare repository DIR, which may be new.
func grow(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	testenv.Grow(stateOf(ts).tb, ts.MkAbs(args[0]), "refs/heads/"+args[1], strings.ReplaceAll(args[1], "/", "-")+".txt", n)
}

// tip: tip DIR REF DIR [REF] wants a ref of one repository to be that of another. ! tip wants them to differ, or one to be missing.
func tip(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 3 {
		args = append(args, args[1])
	}
	one, err1 := testenv.Run(context.Background(), ts.MkAbs(args[0]), nil, "rev-parse", "--verify", "-q", args[1])
	two, err2 := testenv.Run(context.Background(), ts.MkAbs(args[2]), nil, "rev-parse", "--verify", "-q", args[3])
	if equal := err1 == nil && err2 == nil && one == two; equal == neg {
		ts.Fatalf("%s of %s is %q, %s of %s is %q", args[1], args[0], one, args[3], args[2], two)
	}
}
