"""Work on the machines of a cluster, to the same result as on one (docs/CLUSTER.md).

It is loaded only where VOXDAG_SCHEDULER is set, and is in no stage's closure.

    driver (a stage)  --payloads, in the items' order-->  scheduler  -->  worker: `carrier`, in Dask's own process
       `dask`                                                                |
                                                                             +--> process of ours: `child`

A worker of Dask's lives for days, so nothing of ours is done in it: code that has changed on disk would not be seen,
nor what a module keeps be forgotten. For each parallel map it starts a process in the driver's working folder, from the
driver's code. That one says first what differs from the driver's (`session`), and no work is done where something does.
"""
