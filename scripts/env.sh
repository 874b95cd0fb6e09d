# shellcheck shell=sh disable=SC2034	# for those who source this
# What every script here shares: where things are, and how to say that
# something went wrong.  Sourced, with $0 still the script's own name.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
[ -f "$top/scripts/env.sh" ] ||
	top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/anon-object
base=$cache/linux.git
wanted=7.3

say()
{
	printf '%s\n' "--- $*" >&2
}

die()
{
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

# For who changes directory, and calls others
build=$top/build
if [ "${BUILD:-}" ]; then
	build=$(realpath -m -- "$BUILD")
	export BUILD="$build"
	case "$build/" in
	"$top"/build/*) ;;
	"$top"/*) die "BUILD=$BUILD would be taken for a part of the kernel: have it outside of the checkout" ;;
	esac
fi
linux=$build/linux

# need_space DIR GIB: stop early rather than half way through a long step
need_space()
{
	mkdir -p "$1"
	free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge "$2" ] ||
		die "$1 has $free GiB free, $2 are needed: free some, or set BUILD= and XDG_CACHE_HOME= to a larger disk"
}

# The version that a tree's Makefile names, "7.3.4", read from stdin
kernel_version()
{
	awk -F ' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { v = v "." $2 }
		$1 == "SUBLEVEL" { v = v "." $2 }
		$1 == "EXTRAVERSION" { v = v $2; exit }
		END { print v }'
}

# The pristine tree in build/linux-stock
stock_tree()
{
	[ -f "$build/base" ] || "$top/scripts/fetch"
	commit=$(cat "$build/base")
	[ "$(git -C "$build/linux-stock" rev-parse HEAD 2>/dev/null)" != "$commit" ] ||
		return 0
	say "checking out the stock kernel into $build/linux-stock"
	need_space "$build" 4
	rm -rf "$build/linux-stock"
	git clone -q --shared --no-checkout "$base" "$build/linux-stock"
	git -C "$build/linux-stock" checkout -q --detach "$commit"
}

# arch_of CONFIG: the architecture that its "# ARCH=" names
arch_of()
{
	sed -n 's/^# ARCH=//p' "$top/tests/configs/$1.config" | grep . ||
		echo x86_64
}

# cross_of ARCH: what the names of its compiler and the like begin with
cross_of()
{
	case "$1" in
	arm) echo arm-linux-gnueabihf- ;;
	arm64) echo aarch64-linux-gnu- ;;
	i386) echo i686-linux-gnu- ;;
	esac
}

# gcc_of ARCH: that compiler; Debian's have their version in their names
gcc_of()
{
	case "$1" in
	x86_64) echo gcc ;;
	*) echo "$(cross_of "$1")gcc-12" ;;
	esac
}

# counted: the kernel files that make coverage looks at
counted()
{
	git -C "$top" ls-files -co --exclude-standard mm fs ipc \
		drivers/gpu/drm/drm_gem_view.c |
		sed -n '/\/tests\//d; s/\.patch$//; /\.[ch]$/p'
}

# guest_programs LIST: the names in that list of the Makefile's
guest_programs()
{
	make -s -C "$top/tests/guest" -p -n -q 2>/dev/null |
		sed -n "s/^$1 := //p" | tr ' ' '\n'
}

# kernel_image ARCH: in an object directory
kernel_image()
{
	case "$1" in
	arm64) echo arch/arm64/boot/Image ;;
	*) echo arch/x86/boot/bzImage ;;
	esac
}
