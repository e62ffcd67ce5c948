// Lists the tags of each image's repository and asks for the digest of one tag: one poll, as cheap as Go does it.
//
//	peer HOST/NAME:TAG...
//
// One client whose connections stay open, and 16 goroutines: gitops-bot sends as many requests at once to one registry.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const concurrency = 16

func main() {
	if err := pollAll(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func pollAll(ctx context.Context, images []string) error {
	if len(images) == 0 {
		return nil
	}
	first, err := name.NewTag(images[0])
	if err != nil {
		return err
	}
	base := remote.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = concurrency
	// The registry is pinged once here; without this, the library would ping it for each image.
	client, err := transport.NewWithContext(ctx, first.Registry, authn.Anonymous, base, nil)
	if err != nil {
		return err
	}
	waiting, failures := make(chan string), make(chan error, len(images))
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for image := range waiting {
				if err := poll(ctx, client, image); err != nil {
					failures <- fmt.Errorf("%s: %w", image, err)
				}
			}
		})
	}
	for _, image := range images {
		waiting <- image
	}
	close(waiting)
	workers.Wait()
	close(failures)
	return <-failures
}

func poll(ctx context.Context, client http.RoundTripper, image string) error {
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithTransport(client)}
	tags, err := remote.List(tag.Repository, options...)
	if err != nil {
		return err
	}
	head, err := remote.Head(tag, options...)
	if err != nil {
		return err
	}
	fmt.Println(image, len(tags), head.Digest)
	return nil
}
