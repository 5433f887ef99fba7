"""The tasks: what is learned and how it is scored.

A task is a folder here, with one module for each thing that stages ask of it. A stage loads only the module that it
needs, so that a changed figure does not retrain a network:

    data.py       select(splits): the utterances that this task can use, checked
    inference.py  Settings; outputs, predict: one row per recording, with the columns OUTPUTS; what the task asks of a
                  network: OUTPUT_SIZE, and BUFFERS that it fits after training (name -> value before it)
    learner.py    Settings; make(materials, settings, scoring): the learner (networks, losses, dev criteria)
    baseline.py   Settings; predict: what the systems are measured beside (a task may have none)
    report.py     Scoring; headline, intervals, breakdown of predictions
    score_file.py write(path, predictions): predictions as the field exchanges them (a task may have none)
    figures.py    figures(...): name -> table and picture
"""
