# shellcheck shell=sh
# The variables every environment runs with; ./run and Apptainer.def read them.
# A value the user has set is kept.

# One thread a process: under mpirun more would fight for the cores, and alone a second one
# makes a solve of 7,000 unknowns a tenth slower.
export OMP_NUM_THREADS="${OMP_NUM_THREADS-1}"

# OpenMPI refuses root otherwise, and in a container there is nobody else.
export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM-1}"

# Outside a batch job there is one machine: shared memory is all that is needed, and
# OpenMPI complains of network interfaces it can do nothing with. More ranks than cores
# are welcome there (PRTE_MCA_mapby for OpenMPI 6, PRTE_MCA_rmaps_ for 5, OMPI_MCA_rmaps_ for 4).
if [ -z "${SLURM_JOB_ID-}${PBS_JOBID-}${LSB_JOBID-}${JOB_ID-}${FLUX_JOB_ID-}${COBALT_JOBID-}" ]; then
    export OMPI_MCA_pml="${OMPI_MCA_pml-ob1}"
    export OMPI_MCA_btl="${OMPI_MCA_btl-self,sm}"
    export PRTE_MCA_mapby="${PRTE_MCA_mapby-:oversubscribe}"
    export PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy-:oversubscribe}"
    export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe-1}"
elif [ "${OMPI_MCA_pml-} ${OMPI_MCA_btl-}" = "ob1 self,sm" ]; then
    unset OMPI_MCA_pml OMPI_MCA_btl   # the job has them from the shell that sent it; its ranks may be on several machines
fi

# Without a display VTK tries X first, and says so; EGL is in the Debian packages.
if [ -z "${DISPLAY-}${WAYLAND_DISPLAY-}" ]; then
    case ${kind-apt} in
        apt|rootfs|unstable) export VTK_DEFAULT_OPENGL_WINDOW="${VTK_DEFAULT_OPENGL_WINDOW-vtkEGLRenderWindow}" ;;
    esac
fi

# A script's own folder is not searched for modules: benchmarks/geometries.py would hide the package geometries.
export PYTHONSAFEPATH="${PYTHONSAFEPATH-1}"
