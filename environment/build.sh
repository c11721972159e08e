# shellcheck shell=bash
# Choose and make the environment; sourced by ../run when there is none yet.
# Uses project, more, base, host, kind, env, place, say and fail of ../run, and enter.sh.
# shellcheck disable=SC2154

as_root() { if [ "$EUID" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_be_root() { as_root true 2>/dev/null; }
# The names in the lists of one kind, debian or pip: the usual list and what MNNFEM_WITH adds.
packages() {
    local list lists=("$project/environment/$1.txt")
    for list in "${more[@]}"; do
        case $list in *."$1.txt") lists+=("$list") ;; esac
    done
    sed 's/#.*//' "${lists[@]}" | xargs
}

has_dolfinx() {
    python3 -c 'import dolfinx, sys
sys.exit([int(n) for n in dolfinx.__version__.split(".")[:2]] < [0, 9])' >/dev/null 2>&1
}
# A shell function "conda" is not seen here, but it leaves CONDA_EXE.
conda_tool() { type -P micromamba || type -P mamba || type -P conda || type -P "${MAMBA_EXE:-${CONDA_EXE:-}}"; }
apt_has_dolfinx() {
    local version
    version=$(apt-cache show --no-all-versions python3-dolfinx-real 2>/dev/null | sed -n 's/^Version: \(.*:\)\?//p')
    if [ -n "$version" ]; then
        dpkg --compare-versions "$version" ge 0.9
    else   # no package lists, as in a fresh Debian image
        grep -q '^ID=debian$' /etc/os-release && grep -qE '^VERSION_ID="?(1[3-9]|[2-9][0-9])' /etc/os-release
    fi 2>/dev/null
}

choose() {
    if has_dolfinx; then kind=system
    elif conda_tool >/dev/null; then kind=conda
    elif apt_has_dolfinx && may_be_root; then kind=apt
    elif type -P apt-get >/dev/null; then kind=rootfs
    else fail 2 'no way to dolfinx was found here: let python3 be one that imports dolfinx >= 0.9 (the image dolfinx/dolfinx, Spack, a module), or install micromamba or conda, or use a Linux with apt.'
    fi
}
check() {   # a forced choice may be impossible
    case $kind in
        system) has_dolfinx || fail 2 "python3 ($(type -P python3)) does not import dolfinx >= 0.9." ;;
        conda) conda_tool >/dev/null || fail 2 'there is no micromamba, mamba or conda on PATH.' ;;
        apt) apt_has_dolfinx || fail 2 'apt has no dolfinx >= 0.9 on this system; Debian 13 has.' ;;
        rootfs|unstable) type -P apt-get >/dev/null || fail 2 'the root file system is made with apt, which is not here.' ;;
    esac
}

stage() { say "[$SECONDS s] $1"; echo "== $1" >>"$log"; }
# Run a command with its output in the log, and show now and then how far it is.
logged() {
    local line last=$SECONDS count=0
    "$@" 2>&1 </dev/null | while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        case $line in
            Get:*|Unpacking*|'Setting up'*|Collecting*|*Downloading*|Installing*) count=$((count + 1)) ;;
            *) continue ;;
        esac
        if [ -t 2 ]; then printf '\r\033[K  %.76s' "$count: $line" >&2
        elif [ $((SECONDS - last)) -ge 10 ]; then
            last=$SECONDS
            printf '  [%s s] %.100s\n' "$SECONDS" "$count: $line" >&2
        fi
    done
    local status=${PIPESTATUS[0]}
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
    [ "$status" = 0 ]
}

# Install packages on the host; with newer package lists where those at hand do not do.
apt_install() {
    local name missing=() install
    for name; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    may_be_root || fail 2 "packages are missing here; ask an administrator for: apt-get install --no-install-recommends ${missing[*]}"
    stage "installing ${missing[*]}"
    install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
    logged "${install[@]}" || { logged as_root apt-get update || true; logged "${install[@]}"; }
}

# A virtual environment with what a Python that has dolfinx lacks.
make_venv() {   # make_venv PYTHON [COMMAND...], COMMAND leading to where PYTHON is
    local python=$1
    shift
    stage "a virtual environment over $python with the packages of pip.txt"
    logged "$@" "$python" -m venv --system-site-packages "$env/venv" ||
        logged "$@" "$python" -m venv --system-site-packages --without-pip "$env/venv"
    # PYTHON may be in a virtual environment itself, which its child would not see. And
    # dolfinx is compiled for the versions that are there, so pip has to keep those.
    logged "$@" "$python" -c '
import glob, importlib.metadata, sys
env = sys.argv[1]
with open(glob.glob(env + "/venv/lib/python3*/site-packages")[0] + "/parent.pth", "w") as file:
    for path in sys.path:
        if path.endswith(("site-packages", "dist-packages")):
            print(f"import site; site.addsitedir({path!r})", file=file)
with open(env + "/constraints.txt", "w") as file:
    for name in "numpy", "scipy", "torch", "gmsh", "mpi4py", "petsc4py":
        try:
            print(name, importlib.metadata.version(name), sep="==", file=file)
        except importlib.metadata.PackageNotFoundError:
            pass
' "$env"
    # shellcheck disable=SC2046
    logged "$@" env PIP_USER=0 "$env/venv/bin/python" -m pip install --no-input --progress-bar off \
        --constraint "$env/constraints.txt" $(packages pip)
    console_script "$env/venv/bin"
}

# Not made by pip, which would tie this environment to one checkout.
console_script() {
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec python -m mnnfem "$@"\n' >"$1/mnnfem"
    chmod 755 "$1/mnnfem"
}

make_system() { make_venv "$(type -P python3)"; }

make_conda() {
    local tool create=(env create)
    tool=$(conda_tool)
    if [ "${tool##*/}" = micromamba ]; then create=(create); fi
    stage "an environment of ${tool##*/} from environment.yml"
    export CONDA_ALWAYS_YES=1 MAMBA_ALWAYS_YES=1
    logged "$tool" "${create[@]}" --prefix "$env/prefix" --file "$project/environment.yml"
    console_script "$env/prefix/bin"
}

make_apt() {
    # shellcheck disable=SC2046
    apt_install $(packages debian)
    activate
    make_venv /usr/bin/python3
}

make_rootfs() { make_debian trixie; }
make_unstable() { make_debian unstable; }
make_debian() {   # make_debian SUITE
    local debian=$env/debian tools=(mmdebstrap bubblewrap debian-archive-keyring) file
    if [ "$EUID" != 0 ]; then tools+=(uidmap); fi
    apt_install "${tools[@]}"
    if [ "$EUID" != 0 ]; then
        for file in /etc/subuid /etc/subgid; do
            grep -qE "^($(id -un)|$EUID):" $file || fail 2 "$file has no entry for you; ask an administrator for: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
        done
    fi
    bwrap --ro-bind / / true 2>>"$log" || fail 2 "bubblewrap is not allowed to make mounts here. $namespaces"
    mkdir "$debian"
    activate   # from here on nothing of the host's Python
    PATH=$PATH:/usr/sbin:/sbin
    stage "a root file system of Debian $1 (about 90 s)"
    logged bootstrap "$1" "$debian"
    rm -f "$debian"/etc/{resolv.conf,localtime}   # links, where the host's are to be seen
    touch "$debian"/etc/{resolv.conf,hosts,localtime,pip.conf}
    mkdir -p "$debian/usr/local/share/ca-certificates"
    make_venv /usr/bin/python3 enter "$debian"
}
bootstrap() {   # bootstrap SUITE DIRECTORY
    # Lists of unstable expire after a week, which a mirror may exceed; they are signed all the same.
    local mmdebstrap=(mmdebstrap --verbose --variant=minbase
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"'
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/'{doc,man,locale}'/*'
        --include="$(packages debian)" --skip=output/dev)
    local mirror=http://deb.debian.org/debian
    if [ "$EUID" = 0 ]; then
        # its mounts are not the host's, so none can be left over
        unshare --mount --propagation private "${mmdebstrap[@]}" --mode=root "$1" "$2" "$mirror"
    else   # as a tar stream, so that the files are the user's own and can be mounted over
        mkdir -m 1777 "$scratch"
        set -o pipefail
        TMPDIR=$scratch "${mmdebstrap[@]}" --mode=unshare --format=tar "$1" - "$mirror" |
            tar --extract --no-same-owner --directory "$2"
    fi
}

# What a try leaves behind; never across a mount.
remove_scratch() {
    if [ ! -d "$scratch" ]; then return; fi
    # after a kill it has files of the user's subordinate ids
    mmdebstrap --unshare-helper rm -rf --one-file-system "$scratch" 2>/dev/null
    rm -rf --one-file-system "$scratch"
}
remove() { rm -rf --one-file-system "$env"; remove_scratch; }
interrupted() {
    trap '' INT TERM HUP
    say 'interrupted; removing the half-made environment.'
    kill -TERM -- "-$worker" 2>/dev/null
    wait "$worker"
    while kill -0 -- "-$worker" 2>/dev/null; do sleep 0.2; done
    remove
    exit 130
}

build() {
    local place free status
    if [ -n "$kind" ]; then check; else choose; fi
    place
    mkdir -p "$base" || fail 2 "cannot write to $base."
    log=$base/$kind.log
    scratch=${TMPDIR:-/var/tmp}/mnnfem-$EUID-${base##*/}

    exec 9>"$base/lock"
    if ! flock -n 9; then
        say 'another ./run is making the environment; waiting for it.'
        flock 9
    fi
    if [ -e "$env/ready" ]; then exec 9>&-; return; fi

    if [ -e "$env" ] || [ -e "$scratch" ]; then say 'removing what an interrupted call has left.'; fi
    remove
    for place in "${base%/*}"/*/; do
        if [ "$place" != "$base/" ]; then
            say "environments of other versions are in ${base%/*}; those no checkout uses can be removed."
            break
        fi
    done
    for place in "$base" "${scratch%/*}"; do
        free=$(df -Pk "$place" | awk 'NR == 2 { print $4 }')
        [ "$free" -ge 5000000 ] || fail 2 "$place has $((free / 1000000)) GB free, but the environment needs 5 GB; XDG_CACHE_HOME and TMPDIR can point elsewhere."
    done
    say "making the environment ($kind) in $env; later calls only enter it."
    mkdir -p "$env"
    : >"$log"
    # In a process group of its own, so that it can be ended as a whole.
    set -m
    (
        set +m -e
        make_"$kind"
        if [ -z "$MNNFEM_ENVIRONMENT" ]; then echo "$kind" >"$base/choice-$host"; fi
        date >"$env/ready"
        stage 'ready'
    ) &
    worker=$!
    set +m
    trap interrupted INT TERM HUP
    wait "$worker"
    status=$?
    trap - INT TERM HUP
    remove_scratch
    if [ "$status" != 0 ]; then
        remove
        if [ "$status" = 2 ]; then exit 2; fi   # has said why
        if grep -qE "$no_network" "$log"; then
            fail 3 "no network, or no way to a server it needs, at \"$(grep '^== ' "$log" | tail -n 1 | cut -c 4-)\"; the whole story is in $log."
        fi
        fail 1 "making the environment failed at \"$(grep '^== ' "$log" | tail -n 1 | cut -c 4-)\"; see the end of $log."
    fi
    exec 9>&-
}
no_network='[Cc]ould not resolve|Temporary failure (resolving|in name resolution)|[Cc]ould not connect|Unable to connect|[Nn]etwork is unreachable|No route to host|[Cc]onnection timed out|Failed to establish a new connection|CondaHTTPError'
