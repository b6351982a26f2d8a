"""The words of the synthetic corpus, one module per criterion."""

from psy_agents.corpus.synthetic.wording.anhedonia import ANHEDONIA
from psy_agents.corpus.synthetic.wording.appetite import APPETITE_CHANGE
from psy_agents.corpus.synthetic.wording.cognition import COGNITIVE_ISSUES
from psy_agents.corpus.synthetic.wording.fatigue import FATIGUE
from psy_agents.corpus.synthetic.wording.mood import DEPRESSED_MOOD
from psy_agents.corpus.synthetic.wording.psychomotor import PSYCHOMOTOR
from psy_agents.corpus.synthetic.wording.sleep import SLEEP_ISSUES
from psy_agents.corpus.synthetic.wording.suicidality import SUICIDAL_THOUGHTS
from psy_agents.corpus.synthetic.wording.worthlessness import WORTHLESSNESS

WORDING = {
    "DEPRESSED_MOOD": DEPRESSED_MOOD,
    "ANHEDONIA": ANHEDONIA,
    "APPETITE_CHANGE": APPETITE_CHANGE,
    "SLEEP_ISSUES": SLEEP_ISSUES,
    "PSYCHOMOTOR": PSYCHOMOTOR,
    "FATIGUE": FATIGUE,
    "WORTHLESSNESS": WORTHLESSNESS,
    "COGNITIVE_ISSUES": COGNITIVE_ISSUES,
    "SUICIDAL_THOUGHTS": SUICIDAL_THOUGHTS,
}
