"""Pages of reviews: what there is, writing one's own, and hiding one at the desk."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require, why_not
from marketplace.desk import MAY_REVIEW
from marketplace.models import Listing
from marketplace.reviews.forms import HidingForm, ReviewForm
from marketplace.reviews.models import Review
from marketplace.reviews.reading import own_reviews, reviews_of, summary_of, to_review
from marketplace.reviews.services import (
    MAY_WRITE,
    NoLiveRuns,
    hide_review,
    live_runs,
    show_review,
    take_back_review,
    write_review,
)
from registry.models import Extension, Version

PAGE_SIZE = 20


@require_safe
def review_list(request, workspace, slug):
    extension, may_hide = _extension(request, slug), _may_hide(request)
    context = {
        "extension": extension,
        "summary": summary_of(extension),
        "page": Paginator(reviews_of(extension, hidden=may_hide), PAGE_SIZE).get_page(request.GET.get("page")),
        "own": own_reviews(request.workspace, extension),
        "to_review": to_review(request.workspace, extension),
        "write_denied": why_not(request.user, MAY_WRITE, request.workspace),
        "may_hide": may_hide,
    }
    return render(request, "reviews/review_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def review_write(request, workspace, slug, number):
    """Write of one version, or anew. Without live runs of it there is no form."""
    extension = _extension(request, slug)
    version = get_object_or_404(
        Version.objects.public().filter(extension=extension).select_related("extension").defer("manifest"),
        number=number,
    )
    require(request.user, MAY_WRITE, request.workspace)
    runs = live_runs(request.workspace, version)
    if not runs:
        raise NoLiveRuns(f"{request.workspace} has not run {version} live yet.")
    there = Review.objects.in_workspace(request.workspace).filter(version=version).first()
    initial = {"rating": there.rating, "text": there.text} if there else None
    form = ReviewForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            review = write_review(request.workspace, version, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, "Your review is on the page of the extension.")
            review.extension = extension
            return redirect(review)
    context = {"extension": extension, "version": version, "runs": runs, "there": there, "form": form}
    return render(request, "reviews/review_form.html", context, status=422 if form.is_bound else 200)


@require_POST
def review_removal(request, workspace, slug, pk):
    extension = _extension(request, slug)
    rows = Review.objects.in_workspace(request.workspace).filter(extension=extension)
    review = get_object_or_404(rows.select_related("workspace", "version__extension"), pk=pk)
    take_back_review(review, actor=request.user)
    messages.success(request, "Your review is gone.")
    return redirect("reviews:review-list", request.workspace.slug, extension.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def review_hiding(request, workspace, slug, pk):
    """At the desk: take a review off everybody's pages, with the reason that its writer reads."""
    extension, review = _at_the_desk(request, slug, pk)
    form = HidingForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            hide_review(review, desk=request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, "It is hidden from everybody but its workspace.")
            return redirect("reviews:review-list", request.workspace.slug, extension.slug)
    context = {"extension": extension, "review": review, "form": form}
    return render(request, "reviews/review_hiding.html", context, status=422 if form.is_bound else 200)


@require_POST
def review_showing(request, workspace, slug, pk):
    """At the desk: put a hidden one back."""
    extension, review = _at_the_desk(request, slug, pk)
    show_review(review, desk=request.workspace, actor=request.user)
    messages.success(request, "Everybody reads it again.")
    return redirect("reviews:review-list", request.workspace.slug, extension.slug)


def _extension(request, slug: str) -> Extension:
    require(request.user, "core.view_listing", request.workspace)
    listings = Listing.objects.select_related("extension").only("extension")
    return get_object_or_404(listings.filter(extension__workspace=None), extension__slug=slug).extension


def _may_hide(request) -> bool:
    return request.workspace.is_marketplace and why_not(request.user, MAY_REVIEW, request.workspace) is None


def _at_the_desk(request, slug: str, pk) -> tuple[Extension, Review]:
    if not request.workspace.is_marketplace:
        raise Http404
    extension = _extension(request, slug)
    require(request.user, MAY_REVIEW, request.workspace)
    return extension, get_object_or_404(reviews_of(extension, hidden=True), pk=pk)
