# shellcheck shell=sh disable=SC2154	# env.sh sets top, linux and the like
# What apply and refresh share.  The kernel as the repository wants it, as the
# work tree has it, and as both last agreed on are each a git tree object in
# the work tree's repository; the rest is comparing them.

agreed=$build/linux.agreed

kgit()
{
	git -C "$linux" -c core.quotePath=false -c core.autocrlf=false "$@"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/overlay.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# The repository's kernel files: all that is not its own tooling
overlay_files()
{
	git -C "$top" -c core.quotePath=false ls-files -co --exclude-standard |
	grep -E -e '/' -e '\.patch$' |
	grep -v -E '^(\.ci|\.git|scripts|tests|build)/' |
	while read -r file; do
		[ ! -f "$top/$file" ] || printf '%s\n' "$file"
	done
}

# failed_patch FILE: what git apply said, with the hunk that it named
failed_patch()
{
	line=$(sed -n 's/^error: patch failed: .*:\([0-9]*\)$/\1/p' "$tmp/err" |
	       head -n 1)
	if [ -n "$line" ]; then
		hunk=$(grep -E -m 1 "^@@ -${line}[, ]" "$top/$1" || :)
		echo "$1 does not apply to $(base_name): hunk $hunk" >&2
	else
		echo "$1 does not apply to $(base_name): $(head -n 1 "$tmp/err")" >&2
	fi
}

base_name()
{
	kgit log -1 --format=%s "$base_commit"
}

# Leaves the repository's overlay on the base in the index $tmp/wanted and
# prints its tree
wanted_tree()
{
	overlay_files >"$tmp/files"
	export GIT_INDEX_FILE="$tmp/wanted"
	kgit read-tree "$base_commit"
	bad=
	while read -r file; do
		case "$file" in
		*.patch)
			path=${file%.patch}
			if ! grep -q -x -e "--- a/$path" "$top/$file"; then
				echo "$file is no patch of $path" >&2
				bad=1
			elif [ "$(grep -c '^--- a/' "$top/$file")" != 1 ]; then
				echo "$file is a patch of more than $path" >&2
				bad=1
			elif ! kgit apply --cached --whitespace=nowarn \
				"$top/$file" 2>"$tmp/err"; then
				failed_patch "$file"
				bad=1
			fi
			;;
		*)
			if kgit cat-file -e "$base_commit:$file" 2>/dev/null; then
				echo "$file stands whole, but $(base_name) has it: it must be a .patch" >&2
				bad=1
				continue
			fi
			mode=100644
			[ ! -x "$top/$file" ] || mode=100755
			blob=$(kgit hash-object -w --no-filters "$top/$file")
			kgit update-index --add --cacheinfo "$mode,$blob,$file"
			;;
		esac
	done <"$tmp/files"
	[ -z "$bad" ] || exit 1
	kgit write-tree
}

# Prints the work tree's own tree
work_tree()
{
	export GIT_INDEX_FILE="$tmp/work"
	# The work tree's index knows which files have not changed
	cp "$linux/.git/index" "$tmp/work"
	kgit add -u
	# Not its .gitignore: Debian's excludes everything
	kgit ls-files -o -z -x '.*' -x '!.kunitconfig' -x '*~' -x '*.orig' \
		-x '*.rej' -x '*.o' \
		-x '*.a' -x '*.ko' -x '*.mod' -x '*.mod.c' -x '*.pyc' \
		-x '*.tmp' -x tags -x TAGS -x 'cscope.*' -x GTAGS \
		-x modules.order -x Module.symvers >"$tmp/new"
	[ ! -s "$tmp/new" ] ||
		kgit add -f --pathspec-from-file="$tmp/new" --pathspec-file-nul
	kgit write-tree
}

# What was in both after the last apply or refresh
agreed_tree()
{
	if [ -f "$agreed" ] && kgit cat-file -e "$(cat "$agreed")" 2>/dev/null; then
		cat "$agreed"
	else
		kgit rev-parse 'HEAD^{tree}'
	fi
}

# changed_only_in ONE OTHER AGREED: paths that ONE changed since AGREED and
# that OTHER has in another way
changed_only_in()
{
	# No pipe: what cannot be compared is not the same
	kgit diff-tree -r --no-renames --name-only "$3" "$1" >"$tmp/one"
	kgit diff-tree -r --no-renames --name-only "$2" "$1" >"$tmp/other"
	sort "$tmp/one" >"$tmp/a"
	sort "$tmp/other" >"$tmp/b"
	comm -12 "$tmp/a" "$tmp/b"
}
