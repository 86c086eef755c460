package cage

import (
	"path/filepath"
	"runtime"
	"strconv"
)

// harmless is damage of old tools by git-fsck's names, with which an import passes, too (object.Harmless). Of those
// nulInHeader and unterminatedHeader are missing: git lets nobody call them harmless.
var harmless = []string{
	"badDate", "badDateOverflow", "badEmail", "badFilemode", "badName", "badTagName", "badTimezone",
	"missingAuthor", "missingCommitter", "missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
	"missingTaggerEntry", "multipleAuthors", "nulInCommit", "nullSha1", "zeroPaddedDate", "zeroPaddedFilemode",
}

// settings are git's options on the command line: they win over every file.
func (c Command) settings() []string {
	all := []string{
		"safe.directory=" + c.Dir,
		"safe.directory=" + filepath.Join(c.Dir, ".git"),
		"core.hooksPath=/dev/null",
		"core.fsmonitor=false",
		"core.logAllRefUpdates=false",
		"core.bigFileThreshold=64m", // larger ones are streamed: no delta is looked for
		"pack.threads=" + strconv.Itoa(min(runtime.GOMAXPROCS(0), maxThreads)),
		"pack.windowMemory=64m", // of each thread
		"core.fsync=committed",
		"core.fsyncMethod=batch",
		"core.useReplaceRefs=false",
		"gc.auto=0",
		"maintenance.auto=false",
		"receive.autogc=false",
		"receive.fsckObjects=true",
		"receive.denyDeletes=false",
		"receive.maxInputSize=" + strconv.FormatInt(c.MaxInput, 10),
		"transfer.advertiseSID=false",
		"transfer.advertiseObjectInfo=false",
		"uploadpack.allowFilter=false",
		"uploadpack.allowRefInWant=false",
		"uploadpack.allowTipSHA1InWant=false",
		"uploadpack.allowReachableSHA1InWant=false",
		"uploadpack.allowAnySHA1InWant=false",
	}
	if c.Program == ReceivePack {
		for _, fault := range harmless {
			all = append(all, "receive.fsck."+fault+"=ignore")
		}
	}
	if c.HideRefs != "" {
		all = append(all, "transfer.hideRefs="+c.HideRefs)
	}
	args := make([]string, 0, 2*len(all)+4)
	for _, setting := range all {
		args = append(args, "-c", setting)
	}
	return args
}

// environment is all a child sees of ours.
func environment(git, protocol string) []string {
	env := []string{
		"PATH=" + filepath.Dir(git) + ":/usr/bin:/bin",
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",     // no missing object is fetched from where a partial clone came from;
		"GIT_ALLOW_PROTOCOL=none", // git before 2.44 would, and finds no transport
	}
	if protocol != "" {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	return env
}
