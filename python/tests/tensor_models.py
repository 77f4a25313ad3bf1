"""Models whose outputs TorchScript knows by annotations, which it resolves in this file."""

# ruff: noqa: UP006

import typing

import torch


class Pair(typing.NamedTuple):
    a: torch.Tensor
    z: torch.Tensor


class ByName(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> Pair:
        return Pair(x.unsqueeze(1).repeat(1, 2), x)


class ByKey(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> typing.Dict[str, torch.Tensor]:
        return {"z": x, "a": x.unsqueeze(1).repeat(1, 2)}


class Wrong(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> typing.Dict[str, torch.Tensor]:
        return {"z": x / 0, "a": x.unsqueeze(1).repeat(1, 2)}


class Listed(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> typing.List[torch.Tensor]:
        return [x]


class More(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> typing.Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return x, x, x


class MaybeMask(torch.nn.Module):  # type: ignore[misc]
    def forward(
        self,
        x: torch.Tensor,
        m: typing.Optional[torch.Tensor] = None,  # noqa: UP045
    ) -> typing.Tuple[typing.Optional[torch.Tensor], torch.Tensor]:  # noqa: UP045
        if m is None:
            return None, x
        return m, x + m


class MaybeByKey(torch.nn.Module):  # type: ignore[misc]
    def forward(
        self,
        x: torch.Tensor,
        m: typing.Optional[torch.Tensor] = None,  # noqa: UP045
    ) -> typing.Dict[str, torch.Tensor]:
        if m is None:
            return {"z": x}
        return {"z": x + m, "a": m}
