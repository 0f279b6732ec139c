"""The derived half of the demo company, in one module per department.

`source` reads the leadforge tables and makes stable choices; `customers`, `people`, `product` and
`crm` each turn the company into rows. Nothing here reads a clock or draws at random.
"""
