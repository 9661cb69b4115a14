"""Every number of the synthetic unit, with where it comes from.

*Set* means chosen by us so that the sourced rates come out; such a number claims nothing about the
world. *Domain review* is the project's own reading of the studies; what it rests on is named
beside it. Times are days; day 0 is the moment of the extract and the past is negative.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

TIME_ZONE: Final = "Europe/London"
EXTRACT_AT: Final = datetime(2026, 11, 2, tzinfo=ZoneInfo(TIME_ZONE))
"""A Monday; fixed, so that the same call always writes the same unit. Set."""
DAYS_OF_REFERRALS: Final = 1_096.0
"""Three years of referrals. Set."""
CLINICS: Final = 157
"""One a week in the three years."""
REFERRALS_AT_FIRST: Final = 1.0
REFERRALS_AT_LAST: Final = 30.0
"""Referrals a weekly clinic at the start and the end of a unit of STANDARD_CASES; with other
numbers of cases the same shape. The Cheshire unit had 260 referrals in its first ten months
(Winsford Guardian 2019) and reviews about ten offences a day now; recorded stalking in England and
Wales rose threefold in three years to 2022 (BBC Shared Data Unit 2022). Sizes set."""
STANDARD_CASES: Final = 3_000
REFERRAL_BEND: Final = 1.64
"""Power by which the growth flattens, so that the clinics add up to STANDARD_CASES."""
AREAS: Final = (("Warrington", 0.62), ("Halton", 0.38))
"""Set, about by population."""

# --- who is referred -----------------------------------------------------------------------------
RELATIONS: Final = ("former_partner", "acquaintance", "family", "stranger")
RELATION_SHARES: Final = (0.60, 0.25, 0.07, 0.08)
"""Referral mix: domain review section 3, suggested defaults."""
RELATION_AGGRESSION: Final = (1.25, 0.75, 0.9, 0.45)
"""Violence is most frequent with former intimates, least with strangers (Mohandie and others 2006;
McEwan and others 2017). Sizes set."""
FIXATION_SHAPE: Final = 3
"""Gamma with mean 1: few are very persistent. Set."""
AGGRESSION_SIGMA: Final = 0.5
"""Log-normal spread of the inclination to violence. Set for an AUC of about .65 to .80, the range
of published instruments (domain review section 4)."""
CHILDREN_OF_FORMER_PARTNERS: Final = 0.45
"""Share with children in common. Set."""
PARTED_DURING: Final = 0.50
"""Share of former partners whose stalking began before the separation (Mullen and others 2009)."""
PARTED_BEFORE_MEAN_DAYS: Final = 60.0
ESCALATING_SHARE: Final = 0.12
"""Escalation is not typical (Barnham and others 2017): 10 to 15 in 100."""
ESCALATION_GAIN: Final = 1.8
ESCALATION_DAYS: Final = 180.0
"""Log gain of grave acts, reached over so many days of an escalating episode. Set."""

# --- how long, how often -------------------------------------------------------------------------
DURATION_SHARES: Final = (0.30, 0.50, 0.20)
"""Up to 14 days, about five months, about twenty months (domain review section 3; Purcell and
others 2004 for the break at 14 days; Spitzberg and Cupach 2007 and Mullen 1999 for the rest)."""
SHORT_DAYS: Final = (1.0, 14.0)
MIDDLE_MEDIAN_DAYS: Final = 150.0
MIDDLE_SHAPE: Final = 2.3
LONG_MEDIAN_DAYS: Final = 600.0
LONG_SHAPE: Final = 3.0
"""Log-logistic: close to log-normal of sigma .8 and .6, and its remainder given survival can be
drawn at once, which the truth needs."""
LONGEST_EPISODE_DAYS: Final = 10_950.0
"""Thirty years. Without an end the far tail would reach back before anybody lived; 11 in 100 last
five years or more (Baum and others 2009). Set."""
REFERRED_AT_MOST: Final = 1.0
"""The time from the start of an episode to the referral is a length drawn like an episode's, times
this, times the middle one of three uniform numbers. Set."""
RETURN_PROBABILITY: Final = 0.42
"""Probability, for a fixation of 1, that another episode follows. 49 in 100 over 2.5 to 13 years,
most in the first (Rosenfeld 2003), and part of it is the same episode going on."""
MOST_RETURN_PROBABILITY: Final = 0.9
RETURN_MEDIAN_DAYS: Final = 60.0
RETURN_SHAPE: Final = 2.0
"""Log-logistic. Mean relapse at about two months, from one day to years (Mohandie and others
2006)."""
BURSTS_A_DAY: Final = 0.048
"""Fresh acts a day for a fixation of 1, before those they set off. With BRANCHING about one to two
acts a week: 46 in 100 report one or more a week (Baum and others 2009). Set."""
SHORT_EPISODE_GAIN: Final = 4.0
"""A short episode is dense: its daily rate is multiplied by this. Set."""
BRANCHING: Final = 0.55
"""Acts that one act sets off, on average: bursts and lulls (Mullen and others 2009). Set."""
BRANCHING_DELAY_DAYS: Final = 3.5
TRIGGERS_A_YEAR: Final = 1.6
TRIGGER_ACTS: Final = 0.6
"""Acts that a trigger sets off, on average, with the delay of BRANCHING_DELAY_DAYS."""
TRIGGER_GRAVE_GAIN: Final = 1.8
TRIGGER_GRAVE_DAYS: Final = 14.0
"""Triggers come before acts and make grave ones likelier (Thompson and others 2020). Sizes set."""


MEMORYLESS_ACTS_A_DAY: Final = 0.03
"""Rate of acts where nothing recorded says anything of what comes. Set for about 40 in 100 with
further conduct recorded within 90 days."""
RULE_ACTS_A_DAY: Final = 0.0016
RULE_GAIN: Final = 1.5
RULE_RECENCY_DAYS: Final = 45.0
RULE_INCIDENTS: Final = 3.0
RULE_GRAVE_GAIN: Final = 0.5
"""Where the rule is all there is: recorded acts a day where nothing is on record, the log gain of
acts for each of the three ranks, the days since the last act and the incidents in 90 days that have
middle rank, and the further log gain of grave acts. Set."""

QUIET_HARM_WEIGHT: Final = 3.0
QUIET_HARM_POWER: Final = -2.0
QUIET_HARM_LEAST: Final = 0.35
QUIET_HARM_OF_OTHERS: Final = 0.03
QUIET_SIGNS: Final = ("last_resort_language", "planning_sign")
QUIET_SIGNS_GAIN: Final = 12.0
"""Where serious harm is quiet: a factor on the weight of acts of serious harm, the power of the
case's aggression and fixation by which it is multiplied in place of the acts' own, what is added to
the fixation first, the share of it where the subject is no former partner, and how much likelier
the signs of it come to light in such cases than WARNINGS_AN_ACT says, by the same power. A quiet
former partner with plans, last words and no record: Monckton Smith 2020; James and Farnham 2003.
Sizes set."""


@dataclass(frozen=True)
class ActKind:
    """One kind of act.

    Parameters
    ----------
    kind
        Its code in the stalking catalogue.
    weight
        Relative frequency among true acts.
    severity
        Usual severity, 1 to 10.
    noticed
        Probability that a true act comes to be recorded.
    aggression_power
        Power of the case's aggression by which the weight is multiplied.
    means
        Channels and their relative frequencies.
    """

    kind: str
    weight: float
    severity: int
    noticed: float
    aggression_power: float = 0.0
    means: tuple[tuple[str, float], ...] = ()


_WRITTEN: Final = (("text", 5.0), ("social_media", 4.0), ("email", 2.0), ("payment_reference", 0.5))
_SAID: Final = (("text", 3.0), ("in_person", 3.0), ("phone", 3.0), ("social_media", 2.0))
_IN_PERSON: Final = (("in_person", 1.0),)
_ONLINE: Final = (("social_media", 3.0), ("email", 1.0))

ACTS: Final = (
    ActKind("call", 20.0, 1, 0.08, means=(("phone", 1.0),)),
    ActKind("message", 28.0, 1, 0.08, means=_WRITTEN),
    ActKind("letter", 2.5, 2, 0.30, means=(("post", 1.0),)),
    ActKind("gift", 2.0, 2, 0.30, means=(("post", 1.0), ("in_person", 1.0))),
    ActKind("approach", 5.0, 3, 0.22, means=_IN_PERSON),
    ActKind("home_visit", 7.0, 3, 0.22, 0.2, means=_IN_PERSON),
    ActKind("following", 2.5, 4, 0.25, 0.3),
    ActKind("loitering", 4.5, 3, 0.20, 0.2),
    ActKind("watching", 3.5, 4, 0.20, 0.2),
    ActKind("material_published", 2.0, 3, 0.30, means=_ONLINE),
    ActKind("impersonation", 0.8, 3, 0.30, means=_ONLINE),
    ActKind("account_access", 2.0, 3, 0.25, means=_ONLINE),
    ActKind("spyware", 0.4, 4, 0.40),
    ActKind("third_party_recruited", 0.3, 2, 0.30),
    ActKind("tracking_device", 0.25, 5, 0.50),
    ActKind("property_damage", 1.0, 5, 0.60, 0.6),
    ActKind("entry_to_home", 0.3, 7, 0.70, 0.6),
    ActKind("pet_harm", 0.15, 6, 0.60, 0.6),
    ActKind("threat_of_violence", 3.2, 6, 0.40, 0.7, means=_SAID),
    ActKind("threat_to_kill", 0.7, 8, 0.55, 0.8, means=_SAID),
    ActKind("threat_to_children", 0.15, 8, 0.55, 0.8, means=_SAID),
    ActKind("assault", 1.65, 8, 0.75, 1.0, means=_IN_PERSON),
    ActKind("strangulation", 0.05, 10, 0.80, 1.1, means=_IN_PERSON),
    ActKind("sexual_violence", 0.05, 9, 0.60, 1.0, means=_IN_PERSON),
)
"""The milder acts stand first. Order of frequency and severity: Baum and others 2009, Leicester
survey 2005 and the study of 924 helpline cases 2021 (messages lowest, damage and death threats
highest). 5 to 20 in 100 true acts are recorded (domain review section 3); graver ones more often.
Sizes set."""

LEAST_GRAVE_SEVERITY: Final = 5
"""The case's own liking for each milder kind is an exponential number of mean 1: most use several
means (Mohandie and others 2006)."""
WEAPON_MENTIONED: Final = 0.10
WEAPON_PRODUCED: Final = 0.12
"""Share of threats and of violence with a weapon; about 20 in 100 cases in all (domain review)."""
PROXY_SHARE: Final = 0.05
UNKNOWN_ACTOR_SHARE: Final = 0.03
TARGET_SHARES: Final = (("victim", 0.87), ("child", 0.03), ("partner", 0.03), ("other", 0.07))
"""Acts against others: Leicester survey 2005. Sizes set."""
WARNINGS_AN_ACT: Final = (
    ("suicide_threat", 0.020),
    ("self_harm", 0.005),
    ("last_resort_language", 0.006),
    ("planning_sign", 0.010),
)
"""Signs of crisis that come to light for each recorded act, at an aggression of 1. Set; suicide
threats are frequent in the Leicester survey 2005."""
CRISIS_AFTER_ACT_DAYS: Final = 10.0
"""Mean, exponential. Set."""
SUICIDE_WITH_LAST_RESORT: Final = 0.12
VICTIM_SUICIDALITY: Final = 0.015
"""Share of cases. Set."""

# --- what is done about it -----------------------------------------------------------------------
DECISION_ROUNDS: Final = 4
DECISION_WITHIN_DAYS: Final = 6.0
DECISION_PAUSE_DAYS: Final = 10.0
LEAST_REPORTED_SEVERITY: Final = 3
REPORTED_AGAIN: Final = 0.35
"""Probability that a later act of that severity makes a fresh police decision. Set."""
ARREST_LOGIT: Final = -1.0
ORDER_LOGIT: Final = -2.2
"""Sanctions follow risk as police see it, so that the sanctioned are the riskier: the confounding
that a model must not mistake for an effect (domain review section 3). Sizes set."""
RISK_OF_AGGRESSION: Final = 0.6
RISK_OF_VIOLENCE: Final = 1.0
RISK_OF_THREAT: Final = 0.6
RISK_OF_REPEAT: Final = 0.35
RISK_LOOKBACK_DAYS: Final = 90.0
RISK_NOISE: Final = 0.7
BAIL_GIVEN_ARREST: Final = 0.60
CHARGE_GIVEN_ARREST: Final = 0.30
CUSTODY_GIVEN_CHARGE: Final = 0.35
CONVICTION_GIVEN_CHARGE: Final = 0.60
RESTRAINING_ORDER_GIVEN_CONVICTION: Final = 0.70
SENTENCE_GIVEN_CONVICTION: Final = 0.20
SENTENCE_MEDIAN_DAYS: Final = 110.0
NFA_OTHERWISE: Final = 0.65
ORDER_AFTER_DAYS: Final = (0.5, 21.0)
BAIL_DAYS: Final = (28.0, 120.0)
CUSTODY_MEDIAN_DAYS: Final = 45.0
CUSTODY_SIGMA: Final = 0.8
CONVICTION_AFTER_DAYS: Final = (60.0, 220.0)
RESTRAINING_ORDER_DAYS: Final = (365.0, 1_825.0)
ORDERS: Final = (
    ("spo", 0.35, (730.0, 1_460.0)),
    ("nmo", 0.35, (180.0, 365.0)),
    ("dvpo", 0.30, (14.0, 28.0)),
)
"""Kinds of order, shares (set) and lengths: a domestic violence protection order runs 14 to 28
days; the others as courts commonly make them (domain review section 1)."""
KEPT_ON_BAIL: Final = 0.60
KEPT_UNDER_ORDER: Final = 0.50
KEPT_IN_CUSTODY: Final = 0.25
MOST_KEPT_IN_CUSTODY: Final = 0.50
"""Share of acts that still happen. Sanctions cut the rate and shift the means, custody does not
end contact (domain review section 3; Prison Service Order 4400). Sizes set."""
FIXATION_RESISTS: Final = 0.45
"""How strongly fixation undoes a sanction: persistence despite sanctions. Set."""
SHIFT_TO_POST: Final = 0.20
SHIFT_TO_PROXY: Final = 0.18
CUSTODY_MEANS: Final = (
    ("letter", "post", 0.40),
    ("call", "prison_phone", 0.25),
    ("call", "illicit_phone", 0.20),
    ("message", "illicit_phone", 0.15),
)
"""Letters, the prison telephone and the illicit one (HMPPS manual; Prison Service Order 4400)."""
PROXY_FROM_CUSTODY: Final = 0.20
NOTICED_FROM_CUSTODY: Final = 3.0
"""Prisons keep lists of numbers and watch calls and letters (Prison Service Order 4400), so that
more of what comes from there is recorded. Size set."""
BREACH_RECORDED: Final = 0.70
"""Share of recorded acts under an order or bail that are also recorded as its breach; the rest is
the unrecorded breach that inspectors criticise (HMICFRS 2017)."""
RELEASE_NOTICE: Final = 0.60
NOTICE_WITHIN_DAYS: Final = 7.0
EARLIER_REPORTS: Final = 0.35
"""Mean number of reports before the referral, each ended without further action. Set."""

# --- what the unit does --------------------------------------------------------------------------
SCREENED_AFTER_DAYS: Final = (2.0, 28.0)
TAKEN_ON_LOGIT: Final = -1.2
"""So that about 32 in 100 are taken on: 83 of 260 (Winsford Guardian 2019)."""
MANAGED_AT_LEAST_DAYS: Final = 30.0
MANAGED_MEAN_DAYS: Final = 120.0
"""Days with the unit beyond the least, exponential. Set: some months."""

# --- what happens to the victim ------------------------------------------------------------------
RELOCATES: Final = 0.14
"""1 in 7 move (Baum and others 2009)."""
RELOCATES_BETWEEN_DAYS: Final = (-60.0, 120.0)
"""From the referral. Set."""
KEPT_AFTER_RELOCATION: Final = 0.45
"""Visits and loitering that still happen: moving hides acts, it is not safety. Set."""
CHANGES_ROUTINE: Final = 0.30
WITHDRAWS: Final = 0.30
WITHDRAWS_AFTER_DAYS: Final = 70.0
KEPT_AFTER_WITHDRAWAL: Final = 0.45
"""Over half of cases end without victim support (BBC Shared Data Unit 2022); what is then not
recorded still happens. Sizes set."""
DEPARTURES_A_YEAR: Final = (("died", 0.004), ("left_area", 0.02))

# --- what is recorded ----------------------------------------------------------------------------
TRIGGER_NOTICED: Final = 0.60
REPORTING_SIGMA: Final = 0.45
"""Spread between victims of how much is told. Set."""
NOTICED_AFTER_REFERRAL: Final = 1.4
"""A known case records more: victims are asked to keep a log. Set."""
MOST_NOTICED: Final = 0.95
DELAYS: Final = ((0.55, 0.4), (0.33, 5.0), (0.12, 30.0))
"""Shares and means in days of the delay between an act and its record. Set: most within days, a
tail of months."""
TOLD_AT_REFERRAL: Final = 0.80
TOLD_LATER_MEAN_DAYS: Final = 25.0
DAY_ONLY: Final = 0.40
"""Share of earlier acts remembered to the day alone."""
ACCOUNT_VIEW: Final = 0.16
CLASSIFICATION_VIEW: Final = 0.24
VIEWS_OF_GRAVE: Final = 2.0
ACCOUNT_AFTER_DAYS: Final = 6.0
CLASSIFIED_AFTER_DAYS: Final = 3.0
"""Second views; grave acts have them this much more often. Set."""
CLASSIFIED_LOWER: Final = 0.30
"""Share of classifications that name a milder act: misclassified stalking (HMICFRS 2017)."""
OFFENCES: Final = (
    ("stalking", 0.45),
    ("harassment", 0.35),
    ("malicious_communications", 0.15),
    ("no_crime", 0.05),
)
ASSURANCE_SHARES: Final = (("fact", 0.80), ("unverified", 0.20))
VALUE_MISSING: Final = 0.05
FIRST_WARNING: Final = 50_000
"""Incidents of signs of crisis are numbered from here, past those of a case's acts."""
CORRECTED: Final = 0.015
RETRACTED: Final = 0.005
CORRECTED_AFTER_DAYS: Final = 20.0
CORRECTION_MOVES_DAYS: Final = 3.0
REPEATED: Final = 0.004
"""Share of rows that an export holds twice, the same in every cell. Set."""
HEALTH_SHARE: Final = 0.015
AGENCY_ONLY_SHARE: Final = 0.015
SOURCES: Final = (("police", 0.78), ("advocate", 0.15), ("probation", 0.04), ("housing", 0.03))
REPORT_AGAIN_SHARE: Final = 0.30
"""Share of recorded later acts that come with a report of their own. Set."""
CLOSE_AFTER_MEDIAN_DAYS: Final = 65.0
CLOSE_AFTER_SIGMA: Final = 0.4
"""Quiet time after which a person closes a case. Set."""
VICTIM_TELLS_AFTER_DAYS: Final = 4.0
TRANSFERRED: Final = 0.01
REFERRAL_SOURCES: Final = (
    ("police", 0.70),
    ("advocate", 0.15),
    ("probation", 0.05),
    ("housing", 0.04),
    ("self", 0.06),
)

# --- what is asked -------------------------------------------------------------------------------
ASKED: Final = 0.68
SAID_NOT_ASKED: Final = 0.12
"""The rest has no row at all: two ways of not knowing."""
ANSWERED_AFTER_DAYS: Final = 3.0
ANSWER_CHANGED: Final = 0.20
"""Share of answers asked again that come out the other way. Set."""
ANSWER_ERROR: Final = 0.02
ASKED_AGAIN: Final = 0.12
"""Share of answers replaced by a later one."""

# --- for the audit alone -------------------------------------------------------------------------
SUBJECT_MALE: Final = 0.85
VICTIM_FEMALE: Final = 0.75
"""79 to 91 and 60 to 80 in 100 (domain review section 3)."""
AGE_BANDS: Final = (
    ("18-24", 0.17),
    ("25-34", 0.30),
    ("35-44", 0.27),
    ("45-54", 0.16),
    ("55+", 0.1),
)
ETHNICITIES: Final = (
    ("white", 0.90),
    ("asian", 0.04),
    ("black", 0.02),
    ("mixed", 0.02),
    ("other", 0.02),
)
NOT_STATED: Final = 0.12
"""Drawn apart from everything else: in this unit no group differs in truth."""
