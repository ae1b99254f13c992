"""A CUDA driver without a GPU: it writes down when it is initialised, and what was visible then."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Found in the place of libcuda.so.1. CUDA's runtime takes every function from cuGetProcAddress.
SOURCE = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NO_DEVICE = 100 };

int cuInit(unsigned flags) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    char line[256];
    int length = snprintf(line, sizeof line, "%s\n", visible ? visible : "unset");
    int file = open(getenv("DRIVER_RECORD"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, line, length) != length) abort();
    close(file);
    return NO_DEVICE;
}
int cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
static int refuse(void) { return NO_DEVICE; }
int cuGetProcAddress_v2(const char *name, void **found, int version, unsigned long long flags,
                        int *status) {
    *found = !strcmp(name, "cuInit") ? (void *)cuInit
           : !strcmp(name, "cuDriverGetVersion") ? (void *)cuDriverGetVersion
           : !strcmp(name, "cuGetProcAddress") ? (void *)cuGetProcAddress_v2
           : (void *)refuse;
    if (status) *status = 0;
    return SUCCESS;
}
int cuGetProcAddress(const char *name, void **found, int version, unsigned long long flags) {
    return cuGetProcAddress_v2(name, found, version, flags, NULL);
}
"""


class Driver:
    """Installed for processes that are started with its environment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.record = directory / "initialised"
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            if os.environ.get("CI"):
                raise FileNotFoundError("gcc")
            pytest.skip("no C compiler")
        source = directory / "driver.c"
        source.write_text(SOURCE)
        library = str(directory / "libcuda.so.1")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, str(source)], check=True)

    @property
    def environment(self) -> dict[str, str]:
        places = [str(self._directory), os.environ.get("LD_LIBRARY_PATH", "")]
        path = ":".join(filter(None, places))
        return {"LD_LIBRARY_PATH": path, "DRIVER_RECORD": str(self.record)}

    def initialised(self) -> list[str]:
        """CUDA_VISIBLE_DEVICES as each initialisation saw it."""
        return self.record.read_text().splitlines() if self.record.exists() else []
