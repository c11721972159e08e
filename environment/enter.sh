# shellcheck shell=bash
# Enter the environment "$env" of the kind "$kind"; sourced by ../run.
# shellcheck disable=SC2154

# Set the variables that make the environment the one in use.
activate() {
    local script bin=$env/venv/bin
    case $kind in
        inside) return ;;
        system) export PATH=$bin:$PATH VIRTUAL_ENV=$env/venv; return ;;
        conda) bin=$env/prefix/bin ;;
    esac
    # What was set for another Python would pick the wrong files.
    unset PYTHONHOME PYTHONPATH LD_LIBRARY_PATH LD_PRELOAD VIRTUAL_ENV "${!CONDA_@}" "${!PYENV_@}"
    export PYTHONNOUSERSITE=1 PATH=$bin:/usr/bin:/bin
    if [ "$kind" = conda ]; then   # as "conda activate" does, without its Python
        export CONDA_PREFIX=$env/prefix
        set +u
        for script in "$env"/prefix/etc/conda/activate.d/*.sh; do
            # shellcheck disable=SC1090
            if [ -e "$script" ]; then . "$script"; fi
        done
        set -u
    else
        export VIRTUAL_ENV=$env/venv
    fi
}

# enter ROOTFS COMMAND...: become COMMAND in the root file system ROOTFS.
# bubblewrap would stay as the parent of COMMAND and keep signals from it. So it only
# makes the mounts, around a sleeping process, and nsenter joins them: the process that
# was ./run then is COMMAND.
enter() {
    local rootfs=$1 mounts space=(--mount) path pid
    shift
    # Only the system is from ROOTFS, and read-only; "/" itself is an empty one made by
    # bubblewrap, where any directory of the host finds its place.
    mounts=(--ro-bind "$rootfs/usr" /usr --ro-bind "$rootfs/etc" /etc
            --symlink usr/bin /bin --symlink usr/sbin /sbin
            --symlink usr/lib /lib --symlink usr/lib64 /lib64
            --dev-bind /dev /dev --proc /proc --ro-bind /sys /sys --bind /tmp /tmp
            --bind-try /var/tmp /var/tmp --bind-try /run/user /run/user)
    for path in /*; do
        case $path in
            /bin|/sbin|/lib*|/usr|/etc|/var|/dev|/proc|/sys|/run|/boot|/lost+found|/tmp) ;;
            *) if [ -L "$path" ]; then mounts+=(--symlink "$(readlink "$path")" "$path")
               elif [ -d "$path" ]; then mounts+=(--bind "$path" "$path"); fi ;;
        esac
    done
    for path in "$HOME" "$project" "$base" "${TMPDIR:-/tmp}" "$PWD"; do
        case $path in
            /var/tmp|/var/tmp/*|/run/user/*) ;;
            /var/*|/run/*) mounts+=(--bind "$path" "$path") ;;
        esac
    done
    # Names, users, certificates and pip as on the host; not nsswitch.conf, which may
    # name modules that ROOTFS lacks.
    for path in /etc/{resolv.conf,hosts,passwd,group,localtime,pip.conf,ssl/certs} \
                /usr/local/share/ca-certificates; do
        mounts+=(--ro-bind-try "$path" "$path")
    done
    # Nothing installed by hand may hide that a package is missing from the lists.
    if [ -e "$env/ready" ]; then mounts+=(--ro-bind "$env" "$env"); fi
    if [ "$EUID" != 0 ]; then
        mounts=(--unshare-user "${mounts[@]}")
        space+=(--user --preserve-credentials)
    fi
    unset LC_ALL "${!LC_@}"
    export LANG=C.UTF-8 SHELL=/bin/bash   # ROOTFS may lack the host's
    pid=$(bwrap "${mounts[@]}" sh -c 'sleep 60 >/dev/null 2>&1 & echo $!' 2>&1 </dev/null)
    case $pid in
        ''|*[!0-9]*) fail 2 "bubblewrap cannot make the mounts of the environment (${pid:-no message}). $namespaces" ;;
    esac
    # shellcheck disable=SC2016
    exec nsenter --target "$pid" "${space[@]}" sh -c \
        'kill "$1"; cd "$2" && shift 2 && exec "$@"' run "$pid" "$PWD" "$@"
}
namespaces='It needs namespaces: in a container, use docker run --privileged or the image dolfinx/dolfinx; on Ubuntu, sysctl kernel.apparmor_restrict_unprivileged_userns=0.'
