"""Templates written as Python functions when they are first rendered: the same pages in a fraction of the time.

Django walks a tree of nodes for each page, and what it spends on walking is most of what a page costs
(docs/page-costs.md). ``loader`` gives out templates whose node lists know how to write themselves as one function;
``writing`` writes it; ``looking`` is what the function calls for what stands in the context. Nothing of a page is kept:
only how it is made.

What comes out, what is escaped, which errors are swallowed and which are raised is as Django has it, node by node; a
node of a kind that is not known here is rendered by itself. tests/core/test_templating.py holds the two equal. With
debugging on templates are left as Django has them, since its error page tells the node that failed.
"""
