"""Is a surface of triangles the boundary of one body? Every way in which it is not, each with its places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import trimesh
from scipy.sparse.csgraph import connected_components

from mnnfem.fabricate.crossing import TOUCH, crossings, heights_of
from mnnfem.fabricate.findings import Finding
from mnnfem.mesh import Floats, Ints

MANY = 100  # pieces: of more, it is not asked which lies in which
ANEW = "mesh the body anew, or leave out what made this surface"


def surface_findings(surface: trimesh.Trimesh) -> list[Finding]:
    """What is wrong with the surface by itself. An empty list: closed, oriented, outward, one body, no self-intersection."""
    sides = Sides(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64))
    if not len(sides.faces):
        return [Finding.at("empty", "There is no triangle", np.zeros((0, 3)), "is this the file that was meant?")]
    bad = sides.faces[~np.isfinite(sides.vertices[sides.faces]).all(axis=(1, 2))]
    if len(bad):
        what = f"{len(bad)} triangles have corners that are not numbers, the first is triangle {bad[0].tolist()}"
        return [Finding.at("not a number", what, np.zeros((0, 3)), ANEW)]
    return [*_faces(sides), *_edges(sides), *_points(sides), *_pieces(sides), *_crossed(sides)]


def enclosed(surface: trimesh.Trimesh) -> float:
    """What a surface encloses, mm^3; trimesh divides by it, and warns of one without volume."""
    corners = np.asarray(surface.vertices)[np.asarray(surface.faces)]
    return float(np.linalg.det(corners - np.asarray(surface.vertices)[:1]).sum() / 6) if len(corners) else 0.0


@dataclass(frozen=True, eq=False)
class Sides:
    """Triangles (m, 3) of vertices (n, 3) mm, and what follows from them."""

    vertices: Floats
    faces: Ints

    @cached_property
    def size(self) -> float:
        """Longest side of the box around it, mm."""
        return float(np.ptp(self.vertices[self.faces].reshape(-1, 3), axis=0).max())

    @cached_property
    def edges(self) -> Ints:
        """Edges (3 m, 2) in the direction of their triangle."""
        edges: Ints = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        return edges

    @cached_property
    def _numbered(self) -> tuple[Ints, Ints]:
        ends, number = np.unique(np.sort(self.edges, axis=1), axis=0, return_inverse=True)
        return ends, number.ravel()

    @property
    def ends(self) -> Ints:
        """Ends (e, 2) of every edge, once."""
        return self._numbered[0]

    @property
    def number(self) -> Ints:
        """Which of these each of `edges` is, (3 m,)."""
        return self._numbered[1]

    @cached_property
    def uses(self) -> Ints:
        """How many triangles have each edge, (e,)."""
        return np.bincount(self.number)

    @cached_property
    def pieces(self) -> Ints:
        """Which connected piece each triangle belongs to, (m,)."""
        count, triangle = len(self.faces), np.tile(np.arange(len(self.faces)), 3)
        of_edge = sp.csr_matrix((np.ones(3 * count), (triangle, self.number)), (count, len(self.ends)))
        piece: Ints = connected_components(of_edge @ of_edge.T, directed=False)[1].astype(np.int64)
        return piece

    def volume(self, piece: int) -> float:
        """What a piece encloses, mm^3; below 0 where its normals point inward."""
        corners = self.vertices[self.faces[self.pieces == piece]] - self.vertices[self.faces[0, 0]]
        return float(np.linalg.det(corners).sum() / 6)

    def winding(self, place: Floats, piece: int) -> float:
        """How many times a piece goes around a place (3,) mm, by the solid angles of its triangles."""
        a, b, c = (self.vertices[self.faces[self.pieces == piece]] - place).swapaxes(0, 1)
        la, lb, lc = (np.linalg.norm(one, axis=1) for one in (a, b, c))
        below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        angles = np.arctan2((a * np.cross(b, c)).sum(axis=1), below)
        return float(angles.sum() / (2 * np.pi))

    def middles(self, edges: Ints) -> Floats:
        """Places (k, 3) mm of edges (k,)."""
        middles: Floats = self.vertices[self.ends[edges]].mean(axis=1)
        return middles


def _faces(sides: Sides) -> list[Finding]:
    corners, found = sides.vertices[sides.faces], []
    flat = np.flatnonzero(heights_of(corners) <= TOUCH * sides.size)
    if len(flat):
        what = f"{len(flat)} triangles have no area, the first is triangle {flat[0]},"
        found.append(Finding.at("degenerate face", what, corners[flat].mean(axis=1), "collapse them"))
    _, first, count = np.unique(np.sort(sides.faces, axis=1), axis=0, return_index=True, return_counts=True)
    twice = first[count > 1]
    if len(twice):
        what = f"{len(twice)} triangles are there more than once, the first is triangle {twice[0]},"
        found.append(Finding.at("duplicate face", what, corners[twice].mean(axis=1), "leave out the copies"))
    return found


def _edges(sides: Sides) -> list[Finding]:
    found = []
    single, many = np.flatnonzero(sides.uses == 1), np.flatnonzero(sides.uses > 2)
    if len(single):
        length = float(np.linalg.norm(np.diff(sides.vertices[sides.ends[single]], axis=1), axis=2).sum())
        what = f"The surface is open along {len(single)} edges, {length:.4g} mm of them,"
        found.append(Finding.at("open surface", what, sides.middles(single), "close the hole: a triangle is missing there"))
    if len(many):
        what = f"{len(many)} edges have {sides.uses[many].max()} triangles or fewer, more than two,"
        mend = "part the bodies that touch along them, or join them by more than an edge"
        found.append(Finding.at("non-manifold edge", what, sides.middles(many), mend))
    forward = np.bincount(sides.number, weights=sides.edges[:, 0] < sides.edges[:, 1])
    turned = np.flatnonzero((sides.uses == 2) & (forward != 1))
    if len(turned):
        what = f"The triangles on the two sides of {len(turned)} edges have opposite sense"
        found.append(Finding.at("orientation", what, sides.middles(turned), "turn over the triangles that point inward"))
    return found


def _points(sides: Sides) -> list[Finding]:
    """Vertices at which two parts of a surface touch: their triangles do not follow each other around the vertex."""
    count = len(sides.faces)
    corner = np.arange(3 * count).reshape(3, count).T  # corner k of triangle i is row k m + i
    triangle, side = np.tile(np.arange(count), 3), np.repeat(np.arange(3), count)
    edge = np.concatenate([sides.number, sides.number])
    end = np.concatenate([sides.edges[:, 0], sides.edges[:, 1]])
    at = np.concatenate([corner[triangle, side], corner[triangle, (side + 1) % 3]])
    _, group = np.unique(np.stack([edge, end]), axis=1, return_inverse=True)
    joins = sp.csr_matrix((np.ones(len(at)), (at, group.ravel())))
    fans = connected_components(joins @ joins.T, directed=False)[1]
    vertex = sides.faces.T.ravel()
    apart = np.unique(np.stack([vertex, fans]), axis=1)[0]
    touching = np.flatnonzero(np.bincount(apart, minlength=len(sides.vertices)) > 1)
    if not len(touching):
        return []
    what = f"The surface touches itself at {len(touching)} vertices"
    return [Finding.at("non-manifold vertex", what, sides.vertices[touching], "part the walls there, or join them")]


def _pieces(sides: Sides) -> list[Finding]:
    """Bodies beside the first, voids without a way out, and pieces whose normals point inward."""
    count = int(sides.pieces.max()) + 1
    volumes = np.array([sides.volume(piece) for piece in range(count)])
    places = np.array([sides.vertices[sides.faces[sides.pieces == piece]].mean(axis=(0, 1)) for piece in range(count)])
    corners = [sides.vertices[sides.faces[np.argmax(sides.pieces == piece), 0]] for piece in range(count)]
    inside = np.zeros(count, dtype=bool)
    if count <= MANY:
        around = [[sides.winding(at, other) for other in range(count) if other != k] for k, at in enumerate(corners)]
        inside = np.round(np.abs(np.array(around).reshape(count, -1))).sum(axis=1) % 2 == 1
    turned, trapped = (volumes < 0) & ~inside, (volumes < 0) & inside
    bodies, nested, found = (volumes > 0) & ~inside, (volumes > 0) & inside, []
    if turned.any():
        what = f"The surface is inside out: it encloses {volumes[turned].sum():.4g} mm^3"
        found.append(Finding.at("inside out", what, places[turned], "turn over all triangles of this piece"))
    if trapped.any():
        what = f"{trapped.sum()} voids of {-volumes[trapped].sum():.4g} mm^3 have no way out"
        found.append(Finding.at("trapped void", what, places[trapped], "open them to the outside, or fill them"))
    if bodies.sum() > 1:
        what = f"There are {bodies.sum()} bodies that are not joined, the smallest of {volumes[bodies].min():.4g} mm^3,"
        loose = np.flatnonzero(bodies)[np.argsort(volumes[bodies])[:-1]]
        found.append(Finding.at("bodies", what, places[loose], "join them, or make each by itself"))
    if nested.any():
        what = f"{nested.sum()} bodies lie inside another: material is there twice"
        found.append(Finding.at("overlapping bodies", what, places[nested], "join them to one body"))
    return found


def _crossed(sides: Sides) -> list[Finding]:
    pairs, places = crossings(sides.vertices, sides.faces)
    between = sides.pieces[pairs[:, 0]] != sides.pieces[pairs[:, 1]]
    found = []
    if between.any():
        what = f"Two bodies pass through each other in {between.sum()} pairs of triangles"
        found.append(Finding.at("overlapping bodies", what, places[between], "part them, or join them to one body"))
    if (~between).any():
        what = f"The surface passes through itself in {(~between).sum()} pairs of triangles"
        mend = "keep these walls apart in the design, or mesh the body anew"
        found.append(Finding.at("self-intersection", what, places[~between], mend))
    return found
