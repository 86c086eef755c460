package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// octokit returns the visit of one of the Octokits, by its script.
func octokit(script string) func(*testing.T, visit) {
	return func(t *testing.T, v visit) {
		packages, err := installOctokit()
		if err != nil {
			t.Fatal(err)
		}
		folder := copyScripts(t, "octokit")
		if err := os.Symlink(packages, filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
		v.runScript(t, folder, "node", script)
	}
}

// installOctokit returns a folder node_modules with the packages of the lock file, exactly in its versions. It lies
// in the user's cache and is filled once for each lock file.
var installOctokit = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: install Node.js 18 or later and npm (Debian's packages nodejs and npm)", err)
		}
	}
	files, err := fs.Sub(scripts, "clients/octokit")
	if err != nil {
		return "", err
	}
	lock, err := fs.ReadFile(files, "package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "rehome-e2e")
	folder := filepath.Join(cache, fmt.Sprintf("octokit-%x", sha256.Sum256(lock))[:24])
	if _, err := os.Stat(folder); err == nil {
		return filepath.Join(folder, "node_modules"), nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(folder, "node_modules"), install(files, cache, folder)
})

// install makes the folder appear with all packages in it, or not at all.
func install(files fs.FS, cache, folder string) error {
	fresh, err := os.MkdirTemp(cache, "fresh-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.CopyFS(fresh, files); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	cmd.WaitDelay = time.Second // what npm has started may hold its output open
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", errors.Join(err, ctx.Err()), out)
	}
	err = os.Rename(fresh, folder)
	if errors.Is(err, fs.ErrExist) {
		return nil // another test run was faster
	}
	return err
}
