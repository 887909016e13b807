"""A course adviser with two agents: what an app that is measured looks like.

ProfileAnalyzer reads what a learner says, a search narrows the catalogue down, CourseRecommender chooses.
The only trace of spanledger in it are the names of the stages.
"""
